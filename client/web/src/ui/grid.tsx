// Comparisons: rows are seeds, columns guidance scales.

import type { Signal } from "@preact/signals";

import { cancel, forget, runAgain } from "../jobs/jobs";
import { ended, type Job } from "../jobs/reducer";
import { FileImage, Preview } from "./preview";
import { useAgain } from "./form_state";

// The columns' jobs by grid, newest grid first.
export function gridsOf(jobs: Signal<Job>[]): Signal<Job>[][] {
  const grids = new Map<string, Signal<Job>[]>();
  for (const job of jobs) {
    const { grid } = job.value;
    if (grid) grids.set(grid.id, [...(grids.get(grid.id) ?? []), job]);
  }
  return [...grids.values()].map((columns) => columns.sort((a, b) => a.value.grid!.column - b.value.grid!.column));
}

export function Grid({ columns }: { columns: Signal<Job>[] }) {
  const first = columns[0]!.value.parameters;
  const title = first.prompt || first.model;
  const seeds = Array.from({ length: first.numImages }, (_, row) => (BigInt(first.seed) + BigInt(row)).toString());
  const running = columns.filter((job) => !ended(job.value));
  const broken = columns.filter(({ value }) => ["failed", "lost", "cancelled"].includes(value.state));
  return (
    <section class="card" aria-label={`Comparison: ${title}`}>
      <div class="job-head">
        <strong>Comparison: {title}</strong>
      </div>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <td />
              {columns.map(({ value }) => (
                <th scope="col" key={value.id}>
                  guidance {value.parameters.guidanceScale}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {seeds.map((seed, row) => (
              <tr key={seed}>
                <th scope="row">{`seed\n${seed}`}</th>
                {columns.map((job) => (
                  <Cell key={job.value.id} job={job.value} row={row} seed={seed} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {broken.map(({ value }) => (
        <p class="error" key={value.id}>
          guidance {value.parameters.guidanceScale}: {value.state}
          {value.error && `: ${value.error}`}
        </p>
      ))}
      <div class="actions">
        {running.length > 0 && (
          <button type="button" onClick={() => running.forEach(cancel)}>
            Cancel
          </button>
        )}
        {broken.length > 0 && (
          <button
            type="button"
            onClick={() =>
              broken.forEach((job) => {
                forget(job);
                runAgain(job.value);
              })
            }
          >
            Run again what is missing
          </button>
        )}
        <button type="button" disabled={running.length > 0} onClick={() => columns.forEach(forget)}>
          Remove
        </button>
      </div>
    </section>
  );
}

function Cell({ job, row, seed }: { job: Job; row: number; seed: string }) {
  const picture = job.pictures[row];
  if (!picture) return <td />;
  const alt = `guidance ${job.parameters.guidanceScale}, seed ${seed}`;
  const file = picture.output?.file;
  return (
    <td>
      {file ? (
        <button
          type="button"
          class="picture"
          aria-label={`Use again: ${alt}`}
          onClick={() => useAgain({ ...job.parameters, seed, numImages: 1 })}
        >
          <FileImage file={file} alt={alt} />
        </button>
      ) : (
        <>
          <div class="frame">
            <Preview picture={picture} />
          </div>
          {!ended(job) && <progress max={picture.totalSteps || 1} value={picture.step} aria-label={alt} />}
        </>
      )}
    </td>
  );
}
