// A finished picture, as the gallery and the dialog show it.

import type { Signal } from "@preact/signals";

import type { Parameters } from "../jobs/parameters";
import type { Job, Picture, PictureOutput } from "../jobs/reducer";
import { useFileUrl } from "./preview";

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

function fileName({ job, output }: Shown): string {
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
