// What was made: a picture opens, a clip plays here and opens by a button beside it.

import { Clip } from "./clip";
import { FileImage } from "./preview";
import type { Shown } from "./shown";

export function Finished({ shown, alt, onOpen }: { shown: Shown; alt: string; onOpen(): void }) {
  const { file, clip } = shown.output;
  return clip ? (
    <div class="clip">
      <Clip file={file} alt={alt} />
      <button type="button" aria-label={`Details of ${alt}`} onClick={onOpen}>
        Details
      </button>
    </div>
  ) : (
    <button type="button" class="picture" aria-label={`Show ${alt}`} onClick={onOpen}>
      <FileImage file={file} alt={alt} />
    </button>
  );
}
