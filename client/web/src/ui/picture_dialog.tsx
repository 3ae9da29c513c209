// One picture, large, with what it was made from.

import { useEffect, useRef } from "preact/hooks";

import { forgetPicture } from "../jobs/jobs";
import { ended } from "../jobs/reducer";
import { Clip } from "./clip";
import { useAgain, usePicture } from "./form_state";
import { FileImage } from "./preview";
import { DownloadLink, parametersOf, type Shown } from "./shown";

function facts(shown: Shown): [string, string][] {
  const { parameters } = shown.job.value;
  const { output } = shown;
  const all: [string, string | number | undefined][] = [
    ["Prompt", parameters.prompt],
    ["Negative prompt", parameters.negativePrompt],
    ["Model", parameters.model],
    ["Seed", output.seed],
    ["Size", `${output.width} × ${output.height}`],
    ["Steps", parameters.steps || "the model's"],
    ["Guidance", parameters.guidanceScale ?? "the model's"],
    ["Sampler", [parameters.sampler, parameters.sigmas].filter(Boolean).join(", ") || "the model's"],
    ["LoRAs", parameters.loras.map(({ name, scale }) => `${name} ${scale}`).join(", ")],
    ["Animation", parameters.motion && `${parameters.motion.name}, ${parameters.motion.frames} frames, ${parameters.motion.fps} a second`],
    ["Made from", parameters.image && `a picture${parameters.mask ? " and a mask" : ""}, strength ${parameters.strength}`],
  ];
  return all.flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, String(value)]]));
}

export function PictureDialog({ shown, onClose }: { shown: Shown; onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const closeAnd = (action: () => void) => {
    dialog.current?.close();
    action();
  };
  const title = shown.job.value.parameters.prompt || shown.job.value.parameters.model;
  return (
    <dialog ref={dialog} class="large" aria-label={title} onClose={onClose}>
      {shown.output.clip ? <Clip file={shown.output.file} alt={title} /> : <FileImage file={shown.output.file} alt={title} />}
      <dl>
        {facts(shown).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div class="actions">
        <button type="button" onClick={() => closeAnd(() => void useAgain(parametersOf(shown)))}>
          Use again
        </button>
        {!shown.output.clip && (
          <button type="button" onClick={() => closeAnd(() => void usePicture(shown.output.file))}>
            Begin with it
          </button>
        )}
        <DownloadLink shown={shown} />
        <button type="button" disabled={!ended(shown.job.value)} onClick={() => closeAnd(() => forgetPicture(shown.job, shown.picture.index))}>
          Remove
        </button>
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}
