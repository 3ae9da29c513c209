// Comparisons: rows are seeds, columns guidance scales.

import { type Signal, useSignal } from "@preact/signals";

import { cancel, forget, runAgain } from "../jobs/jobs";
import { ended, type Job } from "../jobs/reducer";
import { Finished } from "./finished";
import { fault, unfinished } from "./job_card";
import { PictureDialog } from "./picture_dialog";
import { Preview } from "./preview";
import { finishedPictures, type Shown } from "./shown";

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
  const open = useSignal<Shown | undefined>(undefined);
  const first = columns[0]!.value.parameters;
  const title = first.prompt || first.model;
  const seeds = Array.from({ length: first.numImages }, (_, row) => (BigInt(first.seed) + BigInt(row)).toString());
  const running = columns.filter((job) => !ended(job.value));
  const missing = columns.filter(({ value }) => ended(value) && unfinished(value));
  const broken = missing.filter(({ value }) => value.state !== "completed");
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
                  <Cell key={job.value.id} job={job} row={row} seed={seed} onOpen={(shown) => (open.value = shown)} />
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
        {missing.length > 0 && (
          <button
            type="button"
            onClick={() =>
              missing.forEach((job) => {
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
      {open.value && <PictureDialog shown={open.value} onClose={() => (open.value = undefined)} />}
    </section>
  );
}

interface CellProps {
  job: Signal<Job>;
  row: number;
  seed: string;
  onOpen(shown: Shown): void;
}

function Cell({ job, row, seed, onOpen }: CellProps) {
  const { parameters, pictures } = job.value;
  const alt = `guidance ${parameters.guidanceScale}, seed ${seed}`;
  const shown = finishedPictures(job).find(({ picture }) => picture.index === row);
  if (shown)
    return (
      <td>
        <Finished shown={shown} alt={alt} onOpen={() => onOpen(shown)} />
      </td>
    );
  // One that was removed is not there.
  const picture = pictures.find(({ index }) => index === row);
  if (!picture) return <td />;
  return (
    <td>
      <div class="frame">
        <Preview picture={picture} />
      </div>
      {fault(picture) !== "" ? (
        <small class="error">{fault(picture)}</small>
      ) : (
        !ended(job.value) && <progress max={picture.totalSteps || 1} value={picture.step} aria-label={alt} />
      )}
    </td>
  );
}
