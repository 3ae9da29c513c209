// The picture to begin with, and the mask on it.

import { useSignal } from "@preact/signals";

import type { Model } from "../gen/latentd/v1/models_pb";
import { Slider } from "./fields";
import { edit, form, removePicture, restoreFrom, tell, usePicture } from "./form_state";
import { MaskPainter } from "./mask_painter";
import { FileImage } from "./preview";

async function onRestore(file: Blob): Promise<void> {
  const { image } = form.value;
  if (!(await restoreFrom(file))) tell("That picture carries no parameters.");
  else if (image) await usePicture(image);
}

export function PictureInput({ model }: { model: Model }) {
  const over = useSignal(false);
  const { image, strength, mask } = form.value;
  const enlarges = model.tasks.includes("super_resolution");
  const onFile = (file: File | null | undefined) => {
    if (file) void usePicture(file);
  };
  return (
    <fieldset
      class={over.value ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        event.stopPropagation();
        over.value = true;
      }}
      onDragLeave={() => {
        over.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        over.value = false;
        onFile(event.dataTransfer?.files[0]);
      }}
    >
      <legend>{enlarges ? "Picture to enlarge" : "Begin with a picture"}</legend>
      {!image && <p class="hint">Drop one here, or choose a file.</p>}
      {image && (model.tasks.includes("inpaint") ? <MaskPainter key={image} image={image} /> : <FileImage file={image} alt="The picture to begin with" />)}
      {image && !enlarges && (
        <Slider
          label={mask ? "How much is redrawn under the mask" : "How much is redone"}
          value={strength}
          min={0.05}
          max={1}
          step={0.05}
          onChange={(value) => edit({ strength: value })}
        />
      )}
      <div class="actions">
        <label class="button">
          {image ? "Another picture" : "Choose a picture"}
          <input
            class="unseen"
            type="file"
            accept="image/png,image/jpeg,image/webp"
            onChange={({ currentTarget }) => {
              onFile(currentTarget.files?.[0]);
              currentTarget.value = "";
            }}
          />
        </label>
        {image && (
          <>
            <button type="button" onClick={removePicture}>
              Remove it
            </button>
            <button type="button" onClick={() => void onRestore(image)}>
              Restore its parameters
            </button>
          </>
        )}
      </div>
    </fieldset>
  );
}
