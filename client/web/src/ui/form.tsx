// Everything that a person can ask for.

import { useSignal } from "@preact/signals";

import { type Model, Model_State } from "../gen/latentd/v1/models_pb";
import { catalogState, models } from "../jobs/catalog";
import { lorasOf, motionsOf, takesPicture } from "../jobs/fit";
import { submit, submitGrid } from "../jobs/jobs";
import { shortName, taskOf } from "../jobs/parameters";
import { DigitsField, NumberField, SelectField, TextField } from "./fields";
import { chooseModel, comparison, edit, form, model, notice, restoreFrom, tell } from "./form_state";
import { LoraPicker } from "./lora_picker";
import { ModelFacts } from "./model_facts";
import { MotionPicker } from "./motion_picker";
import { PictureInput } from "./picture_input";

export const RESULTS = "results";
const MAX_GRID = 64;

// Undefined when one of them is no number that guidance may be.
function parseGuidances(text: string): number[] | undefined {
  const words = text.split(/[\s,;]+/).filter((word) => word !== "");
  const numbers = words.map(Number);
  return numbers.length > 0 && numbers.every((each) => each >= 0 && each <= 100) ? numbers : undefined;
}

function send(event: Event, chosen: Model, error: { value: string }): void {
  event.preventDefault();
  const parameters = { ...form.value, model: shortName(chosen.name) };
  error.value = "";
  notice.value = "";
  if (taskOf(parameters, chosen) === "super_resolution" && !parameters.image) {
    error.value = "This model enlarges a picture: add one.";
    return;
  }
  // Where the form takes all of the width, what is made is below it.
  document.getElementById(RESULTS)?.scrollIntoView({ block: "nearest" });
  const grid = comparison.value;
  if (!grid) return submit(parameters);
  const guidances = grid.guidances.trim() === "" ? [chosen.defaultGuidanceScale] : parseGuidances(grid.guidances);
  if (!guidances) error.value = "Guidance: numbers from 0 to 100, with commas between.";
  else if (guidances.length * grid.seeds > MAX_GRID) error.value = `A grid has at most ${MAX_GRID} pictures.`;
  else submitGrid(parameters, grid.seeds, guidances);
}

export function Form() {
  const error = useSignal("");
  const chosen = model.value;
  if (!chosen) return <p class="card">{catalogState}</p>;
  const broken = chosen.state === Model_State.BROKEN;
  const withText = chosen.tasks.some((task) => task !== "class_to_image" && task !== "unconditional");
  return (
    <form class="card form" aria-label="New picture" onSubmit={(event) => send(event, chosen, error)}>
      <SelectField
        label="Model"
        value={shortName(chosen.name)}
        options={models.value.map(({ name }) => ({ value: shortName(name), label: shortName(name) }))}
        onChange={chooseModel}
      />
      <ModelFacts model={chosen} />
      {withText && <Prompts />}
      {chosen.numClasses > 0 && (
        <NumberField
          label="Class"
          hint={`0 to ${chosen.numClasses - 1}`}
          required
          value={form.value.classLabel}
          min={0}
          max={chosen.numClasses - 1}
          onChange={(classLabel = 0) => edit({ classLabel })}
        />
      )}
      {takesPicture(chosen) && <PictureInput model={chosen} />}
      <Numbers model={chosen} />
      <LoraPicker names={lorasOf(chosen)} />
      <MotionPicker model={chosen} names={motionsOf(chosen)} />
      <Compare model={chosen} />
      <SelectField
        label="Previews"
        value={form.value.preview}
        options={[
          { value: "image", label: "Pictures" },
          { value: "latent", label: "Raw latents, decoded here" },
          { value: "none", label: "None" },
        ]}
        onChange={(preview) => edit({ preview: preview as typeof form.value.preview })}
      />
      {broken && <p class="error">This model cannot be used: {chosen.error?.message}</p>}
      {error.value && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      {notice.value && <p class="notice">{notice.value}</p>}
      <div class="actions submit">
        <button class="primary" type="submit" disabled={broken}>
          {comparison.value ? "Make the grid" : making()}
        </button>
        <label class="button">
          Restore from PNG
          <input class="unseen" type="file" accept="image/png" onChange={onRestore} />
        </label>
      </div>
    </form>
  );
}

function making(): string {
  const { numImages, motion } = form.value;
  const what = motion ? "clip" : "picture";
  return numImages > 1 ? `Make ${numImages} ${what}s` : `Make the ${what}`;
}

async function onRestore({ currentTarget }: { currentTarget: HTMLInputElement }): Promise<void> {
  const file = currentTarget.files?.[0];
  currentTarget.value = "";
  if (file && !(await restoreFrom(file))) tell("That file carries no parameters.");
}

function Prompts() {
  return (
    <>
      <TextField label="Prompt" rows={3} placeholder="a red apple" value={form.value.prompt} onChange={(prompt) => edit({ prompt })} />
      <TextField
        label="Negative prompt"
        rows={1}
        placeholder="what it should not show"
        value={form.value.negativePrompt}
        onChange={(negativePrompt) => edit({ negativePrompt })}
      />
    </>
  );
}

function Numbers({ model: chosen }: { model: Model }) {
  const { steps, sampler, sigmas, guidanceScale, seed, numImages, width, height } = form.value;
  const info = chosen.samplers.find((each) => each.name === (sampler || chosen.defaultSampler));
  const size = { min: chosen.minSize, max: chosen.maxSize, step: chosen.sizeMultiple || 1 };
  return (
    <>
      <div class="row">
        <NumberField
          label="Pictures"
          required
          value={numImages}
          min={1}
          max={chosen.maxNumImages || 1}
          onChange={(value = 1) => edit({ numImages: value })}
        />
        <NumberField
          label="Steps"
          fallback={`${chosen.defaultSteps}`}
          value={steps || undefined}
          min={info?.minSteps || 1}
          max={info?.maxSteps || 1000}
          onChange={(value = 0) => edit({ steps: value })}
        />
        <NumberField
          label="Guidance"
          fallback={`${chosen.defaultGuidanceScale}`}
          value={guidanceScale}
          min={0}
          max={100}
          step="any"
          onChange={(value) => edit({ guidanceScale: value })}
        />
      </div>
      <details>
        <summary>Size, seed and sampler</summary>
        <div class="row">
          <NumberField
            label="Width"
            fallback={`${chosen.nativeWidth}`}
            value={width || undefined}
            {...size}
            onChange={(value = 0) => edit({ width: value })}
          />
          <NumberField
            label="Height"
            fallback={`${chosen.nativeHeight}`}
            value={height || undefined}
            {...size}
            onChange={(value = 0) => edit({ height: value })}
          />
          <DigitsField label="Seed" placeholder="random" value={seed} onChange={(value) => edit({ seed: value })} />
        </div>
        <div class="row">
          <SelectField
            label="Sampler"
            value={sampler}
            options={[
              { value: "", label: `${chosen.defaultSampler} (the model's)` },
              ...chosen.samplers.map(({ name }) => ({ value: name, label: name })),
            ]}
            onChange={(value) => edit({ sampler: value, sigmas: "" })}
          />
          {(info?.sigmas.length ?? 0) > 1 && (
            <SelectField
              label="Sigmas"
              value={sigmas}
              options={[{ value: "", label: "the model's" }, ...info!.sigmas.map((value) => ({ value, label: value }))]}
              onChange={(value) => edit({ sigmas: value })}
            />
          )}
        </div>
      </details>
    </>
  );
}

function Compare({ model: chosen }: { model: Model }) {
  const grid = comparison.value;
  return (
    <div class="compare">
      <label class="check">
        <input
          type="checkbox"
          checked={grid !== undefined}
          onChange={({ currentTarget }) => {
            comparison.value = currentTarget.checked ? { seeds: 3, guidances: "" } : undefined;
          }}
        />
        Compare in a grid
      </label>
      {grid && (
        <div class="row">
          <NumberField
            label="Seeds (rows)"
            required
            value={grid.seeds}
            min={1}
            max={chosen.maxNumImages || 1}
            onChange={(seeds = 1) => {
              comparison.value = { ...grid, seeds };
            }}
          />
          <TextField
            label="Guidance (columns)"
            rows={1}
            placeholder={`2, ${chosen.defaultGuidanceScale}, 8`}
            value={grid.guidances}
            onChange={(guidances) => {
              comparison.value = { ...grid, guidances };
            }}
          />
        </div>
      )}
    </div>
  );
}
