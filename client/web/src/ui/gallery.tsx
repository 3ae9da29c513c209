// Finished pictures, newest first.

import { type Signal, useSignal } from "@preact/signals";

import type { Parameters } from "../jobs/parameters";
import type { Job, Picture, PictureOutput } from "../jobs/reducer";
import { Clip } from "./clip";
import { useAgain } from "./form_state";
import { PictureDialog } from "./picture_dialog";
import { FileImage, useFileUrl } from "./preview";

export interface Shown {
  job: Signal<Job>;
  picture: Picture;
  output: PictureOutput & { file: Blob };
}

export function finishedPictures(job: Signal<Job>): Shown[] {
  return job.value.pictures.flatMap((picture) => {
    const { output } = picture;
    return output?.file ? [{ job, picture, output: { ...output, file: output.file } }] : [];
  });
}

// Of this picture alone: with them it is made again.
export function parametersOf({ job, output }: Shown): Parameters {
  return { ...job.value.parameters, seed: output.seed, numImages: 1 };
}

const ENDINGS: Record<string, string> = { "image/png": "png", "image/webp": "webp", "image/gif": "gif", "video/mp4": "mp4" };

export function fileName({ job, output }: Shown): string {
  const words = (job.value.parameters.prompt || job.value.parameters.model).replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40);
  return `${words.replace(/^-|-$/g, "")}-${output.seed}.${ENDINGS[output.mediaType] ?? "bin"}`;
}

export function DownloadLink({ shown }: { shown: Shown }) {
  const url = useFileUrl(shown.output.file);
  return (
    <a class="button" href={url} download={fileName(shown)}>
      Download
    </a>
  );
}

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
      {output.clip ? (
        <Clip file={output.file} alt={title} />
      ) : (
        <button type="button" class="picture" aria-label={`Show ${title}, seed ${output.seed}`} onClick={onOpen}>
          <FileImage file={output.file} alt={title} />
        </button>
      )}
      <p class="caption">{title}</p>
      <div class="actions">
        <button type="button" onClick={() => useAgain(parametersOf(shown))}>
          Use again
        </button>
        <DownloadLink shown={shown} />
        {output.clip && (
          <button type="button" onClick={onOpen}>
            Details
          </button>
        )}
      </div>
    </li>
  );
}
