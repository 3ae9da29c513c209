// A clip instead of a picture.

import type { Model } from "../gen/latentd/v1/models_pb";
import { type ClipKind, DEFAULT_MOTION } from "../jobs/parameters";
import { NumberField, SelectField } from "./fields";
import { edit, form } from "./form_state";

export function MotionPicker({ model, names }: { model: Model; names: string[] }) {
  if (names.length === 0) return null;
  const { motion } = form.value;
  return (
    <fieldset>
      <legend>Animation</legend>
      <SelectField
        label="Motion module"
        value={motion?.name ?? ""}
        options={[{ value: "", label: "none: a picture" }, ...names.map((name) => ({ value: name, label: name }))]}
        onChange={(name) => edit({ motion: name === "" ? undefined : { ...DEFAULT_MOTION, ...motion, name } })}
      />
      {motion && (
        <div class="row">
          <NumberField
            label="Frames"
            required
            value={motion.frames}
            min={1}
            max={model.maxFrames}
            onChange={(frames = 1) => edit({ motion: { ...motion, frames } })}
          />
          <NumberField
            label="Frames a second"
            required
            value={motion.fps}
            min={1}
            max={motion.format === "gif" ? 50 : 60}
            onChange={(fps = 1) => edit({ motion: { ...motion, fps } })}
          />
          <SelectField
            label="File"
            value={motion.format}
            options={[
              { value: "webp", label: "WebP" },
              { value: "mp4", label: "MP4" },
              { value: "gif", label: "GIF" },
            ]}
            onChange={(format) => edit({ motion: { ...motion, format: format as ClipKind } })}
          />
        </div>
      )}
    </fieldset>
  );
}
