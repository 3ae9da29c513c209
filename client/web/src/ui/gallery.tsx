// Finished pictures, newest first.

import { type Signal, useSignal } from "@preact/signals";

import type { Job } from "../jobs/reducer";
import { Finished } from "./finished";
import { useAgain } from "./form_state";
import { PictureDialog } from "./picture_dialog";
import { DownloadLink, finishedPictures, parametersOf, type Shown } from "./shown";

export function Gallery({ jobs }: { jobs: Signal<Job>[] }) {
  const open = useSignal<Shown | undefined>(undefined);
  const all = jobs.flatMap(finishedPictures);
  return (
    <section aria-label="Gallery">
      <h2>Gallery</h2>
      {all.length === 0 && <p class="hint">Finished pictures stay here, on this machine.</p>}
      <ul class="gallery">
        {all.map((shown) => (
          <GalleryItem key={`${shown.job.value.id} ${shown.picture.index}`} shown={shown} onOpen={() => (open.value = shown)} />
        ))}
      </ul>
      {open.value && <PictureDialog shown={open.value} onClose={() => (open.value = undefined)} />}
    </section>
  );
}

function GalleryItem({ shown, onOpen }: { shown: Shown; onOpen(): void }) {
  const { job, output } = shown;
  const title = job.value.parameters.prompt || job.value.parameters.model;
  return (
    <li class="card item" aria-label={title}>
      <Finished shown={shown} alt={`${title}, seed ${output.seed}`} onOpen={onOpen} />
      <p class="caption">{title}</p>
      <div class="actions">
        <button type="button" onClick={() => void useAgain(parametersOf(shown))}>
          Use again
        </button>
        <DownloadLink shown={shown} />
      </div>
    </li>
  );
}
