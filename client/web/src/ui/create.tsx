// The first tab: what to make, what is being made, what was made.

import { useSignal } from "@preact/signals";

import { jobs } from "../jobs/jobs";
import { ended } from "../jobs/reducer";
import { Form, RESULTS } from "./form";
import { useDropped } from "./form_state";
import { Gallery } from "./gallery";
import { Grid, gridsOf } from "./grid";
import { JobCard, unfinished } from "./job_card";

export function Create() {
  const over = useSignal(false);
  const single = jobs.value.filter((job) => !job.value.grid);
  const cards = single.filter(({ value }) => unfinished(value));
  return (
    <div
      class={over.value ? "create over" : "create"}
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => {
        over.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        over.value = false;
        const file = event.dataTransfer?.files[0];
        if (file) void useDropped(file);
      }}
    >
      <Form />
      <div class="results" id={RESULTS}>
        {cards.length > 0 && (
          <section aria-label="Under way">
            <h2>Under way</h2>
            <ul class="jobs">
              {cards.map((job) => (
                <JobCard key={job.value.id} job={job} />
              ))}
            </ul>
          </section>
        )}
        {gridsOf(jobs.value).map((columns) => (
          <Grid key={columns[0]!.value.grid!.id} columns={columns} />
        ))}
        <Gallery jobs={single.filter(({ value }) => ended(value))} />
      </div>
    </div>
  );
}
