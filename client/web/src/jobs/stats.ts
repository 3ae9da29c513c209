// What two looks at the service's counters tell.

import type { Stats } from "../gen/latentd/v1/image_generation_pb";

export interface Sample {
  rowsPerStep: number; // rows in each forward since the look before; 0 when there was none
  queued: number;
  runningRows: number;
  imagesPerSecond: number;
  evaluationsPerSecond: number;
  meanLanes: number;
}

export function sampleOf(now: Stats, before: Stats | undefined): Sample {
  // A server that has started anew counts from zero.
  const since = before && before.forwards <= now.forwards ? before : undefined;
  const forwards = Number(now.forwards - (since?.forwards ?? 0n));
  const evaluations = Number(now.evaluations - (since?.evaluations ?? 0n));
  return {
    rowsPerStep: before && forwards > 0 ? evaluations / forwards : 0,
    queued: now.queuedJobs,
    runningRows: now.runningRows,
    imagesPerSecond: now.imagesPerSecond,
    evaluationsPerSecond: now.evaluationsPerSecond,
    meanLanes: now.meanBatchLanes,
  };
}
