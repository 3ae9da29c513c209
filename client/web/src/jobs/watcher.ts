// One WatchJobs stream for all jobs that have not ended. It is opened anew when a job joins, when the connection is lost, and
// when the stream is silent for too long; each job goes on after its newest event.

import { reached, Tries } from "../api/connection";
import { BrokenOff, describe, problemOf } from "../api/errors";
import type { Event } from "../gen/latentd/v1/event_pb";

// The server sends a heartbeat every 15 s.
const SILENCE_MS = 40_000;

export interface Watched {
  name: string;
  sequence: bigint;
}

export interface WatcherOptions {
  open(jobs: Watched[], signal: AbortSignal): AsyncIterable<Event>;
  // The jobs to watch, now.
  jobs(): Watched[];
  onEvent(event: Event): void;
  // The server does not know this job.
  onLost(name: string): void;
  // Those that the server does not know, for when its error does not say which.
  findLost(jobs: Watched[]): Promise<string[]>;
  // It may not watch. It tries again with the next `update`.
  onRefused(reason: string): void;
  // Answers once the service can be reached: a stream may be quiet for long although it is open.
  probe(): Promise<unknown>;
}

export class Watcher {
  private running = false;
  private reopen: AbortController | undefined;
  private readonly tries = new Tries();

  constructor(private readonly options: WatcherOptions) {}

  // To be called when a job has joined, or it may be allowed to watch.
  update(): void {
    if (this.running) this.reopen?.abort();
    else void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    // Those that join in the same turn share the first stream.
    await Promise.resolve();
    for (let jobs = this.options.jobs(); jobs.length > 0; jobs = this.options.jobs()) {
      const reopen = (this.reopen = new AbortController());
      try {
        await this.follow(jobs, reopen);
      } catch (error) {
        if (!reopen.signal.aborted && !(await this.recover(error, jobs))) break;
      }
    }
    this.running = false;
    this.tries.end();
  }

  private async follow(jobs: Watched[], reopen: AbortController): Promise<void> {
    const stop = new AbortController();
    reopen.signal.addEventListener("abort", () => stop.abort());
    const silence = () => setTimeout(() => stop.abort(), SILENCE_MS);
    let timer = silence();
    try {
      for await (const event of this.options.open(jobs, stop.signal)) {
        clearTimeout(timer);
        timer = silence();
        reached();
        this.tries.end();
        this.options.onEvent(event);
      }
    } catch (error) {
      if (stop.signal.aborted && !reopen.signal.aborted) throw new BrokenOff("silence");
      throw error;
    } finally {
      clearTimeout(timer);
    }
    // It ends in order only after the last event of the last job.
    const left = new Set(this.options.jobs().map(({ name }) => name));
    if (!reopen.signal.aborted && jobs.some(({ name }) => left.has(name))) throw new BrokenOff("the stream has ended early");
  }

  // Whether the stream may be opened again.
  private async recover(error: unknown, jobs: Watched[]): Promise<boolean> {
    const problem = problemOf(error);
    if (problem.kind === "not-found") {
      reached();
      const named = jobs.map(({ name }) => name).filter((name) => name === problem.resource);
      const lost = named.length > 0 ? named : await this.options.findLost(jobs);
      lost.forEach((name) => this.options.onLost(name));
      if (lost.length > 0) return true;
    }
    if (problem.kind === "refused") {
      reached();
      this.options.onRefused(describe(problem));
      return false;
    }
    await this.tries.wait(problem);
    await this.options.probe();
    return true;
  }
}
