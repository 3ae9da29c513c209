// What a screen reader says when something happens to a job.

import { effect, signal } from "@preact/signals";

import { jobs } from "../jobs/jobs";
import type { Job, JobState } from "../jobs/reducer";

const said = signal("");

export function announce(text: string): void {
  said.value = text;
}

export function LiveRegion() {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {said}
    </div>
  );
}

const title = (job: Job): string => job.parameters.prompt || job.parameters.model;

const SENTENCES: Partial<Record<JobState, (job: Job) => string>> = {
  queued: (job) => `Accepted: ${title(job)}`,
  running: (job) => `Started: ${title(job)}`,
  completed: (job) => `Ready: ${title(job)}`,
  failed: (job) => `Failed: ${title(job)}. ${job.error}`,
  cancelled: (job) => `Cancelled: ${title(job)}`,
  lost: (job) => `Lost: ${title(job)}. It can be run again.`,
};

// Only what changes while the page is open is said.
export function announceJobs(): void {
  const seen = new Map<string, JobState>();
  effect(() => {
    for (const { value: job } of jobs.value) {
      const before = seen.get(job.id);
      seen.set(job.id, job.state);
      const sentence = before && before !== job.state && SENTENCES[job.state];
      if (sentence) announce(sentence(job));
    }
  });
}
