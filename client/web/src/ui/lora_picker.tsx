// LoRAs, each with the strength that it acts with.

import { Slider } from "./fields";
import { edit, form } from "./form_state";

export function LoraPicker({ names }: { names: string[] }) {
  if (names.length === 0) return null;
  const { loras } = form.value;
  const scaleOf = (name: string) => loras.find((lora) => lora.name === name)?.scale;
  const without = (name: string) => loras.filter((lora) => lora.name !== name);
  return (
    <fieldset class="loras">
      <legend>LoRAs</legend>
      {names.map((name) => {
        const scale = scaleOf(name);
        return (
          <div class="lora" key={name}>
            <label class="check">
              <input
                type="checkbox"
                checked={scale !== undefined}
                onChange={({ currentTarget }) =>
                  edit({ loras: currentTarget.checked ? [...without(name), { name, scale: 1 }] : without(name) })
                }
              />
              {name}
            </label>
            {scale !== undefined && (
              <Slider
                label={`Strength of ${name}`}
                value={scale}
                min={-1}
                max={2}
                step={0.05}
                onChange={(value) => edit({ loras: loras.map((lora) => (lora.name === name ? { name, scale: value } : lora)) })}
              />
            )}
          </div>
        );
      })}
    </fieldset>
  );
}
