// A job that is under way, or has ended without all of its pictures.

import type { Signal } from "@preact/signals";

import { cancel, dismiss, runAgain } from "../jobs/jobs";
import { ended, type Job, type Picture } from "../jobs/reducer";
import { FileImage, Preview } from "./preview";
import { inWords } from "./time";

function stateOf(job: Job): string {
  if (job.cancelRequested && !ended(job)) return "Being cancelled …";
  switch (job.state) {
    case "sending":
      return job.parameters.image ? "Sending it, with its picture …" : "Sending it …";
    case "queued":
      if (job.position === undefined) return "Waiting";
      return `${job.position === 0 ? "Next in the queue" : `Place ${job.position + 1} in the queue`}${
        job.startEtaMs === undefined ? "" : `, starts in about ${inWords(job.startEtaMs)}`
      }`;
    case "running":
      return "Being made";
    case "completed":
      return "Ready";
    case "failed":
      return "Failed";
    case "cancelled":
      return "Cancelled";
    case "lost":
      return "Lost: the server does not know it any more";
  }
}

// Why a picture that has ended is not there; empty for others.
export function fault({ output }: Picture): string {
  if (output?.state === "withheld") return "Withheld by the server's safety policy";
  return output?.state === "failed" ? `Failed: ${output.error}` : "";
}

// Something is to be said of it, or done.
export const unfinished = (job: Job): boolean => job.state !== "completed" || job.pictures.some((picture) => fault(picture) !== "");

function Tile({ picture, alt }: { picture: Picture; alt: string }) {
  const { output, step, totalSteps, etaMs } = picture;
  const words =
    totalSteps === 0 ? "waits" : `step ${step} of ${totalSteps}${etaMs === undefined ? "" : `, ${inWords(etaMs)} left`}`;
  return (
    <li class="tile">
      <div class="frame">
        {output?.file && !output.clip && output.mediaType.startsWith("image/") ? (
          <FileImage file={output.file} alt={alt} />
        ) : (
          <Preview picture={picture} />
        )}
      </div>
      {fault(picture) !== "" ? (
        <small class="error">{fault(picture)}</small>
      ) : output?.state === "ok" ? (
        <small>ready</small>
      ) : (
        <>
          <progress max={totalSteps || 1} value={step} aria-label={`Picture ${picture.index + 1}`} />
          <small>{words}</small>
        </>
      )}
    </li>
  );
}

export function JobCard({ job: signal }: { job: Signal<Job> }) {
  const job = signal.value;
  const title = job.parameters.prompt || job.parameters.model;
  return (
    <li class={`card job ${job.state}`} aria-label={title}>
      <div class="job-head">
        <strong>{title}</strong>
        <span class="state">{stateOf(job)}</span>
      </div>
      {job.error && <p class="error">{job.error}</p>}
      {ended(job) &&
        job.pictures.map(
          (picture) =>
            fault(picture) !== "" && (
              <p class="error" key={picture.index}>
                Picture {picture.index + 1}: {fault(picture)}
              </p>
            ),
        )}
      {job.warnings.map((warning) => (
        <p class="notice" key={warning}>
          {warning}
        </p>
      ))}
      {!ended(job) && (
        <ul class="tiles">
          {job.pictures.map((picture) => (
            <Tile key={picture.index} picture={picture} alt={title} />
          ))}
        </ul>
      )}
      <div class="actions">
        {!ended(job) && (
          <button type="button" disabled={job.cancelRequested} onClick={() => cancel(signal)}>
            Cancel
          </button>
        )}
        {ended(job) && (
          <>
            <button
              type="button"
              onClick={() => {
                dismiss(signal);
                runAgain(job);
              }}
            >
              Run again
            </button>
            <button type="button" onClick={() => dismiss(signal)}>
              Remove
            </button>
          </>
        )}
      </div>
    </li>
  );
}
