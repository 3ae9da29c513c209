// What a model takes, in words.

import type { Model } from "../gen/latentd/v1/models_pb";

const TASKS: Record<string, string> = {
  text_to_image: "text to image",
  image_to_image: "image to image",
  inpaint: "inpainting",
  outpaint: "outpainting",
  class_to_image: "class to image",
  boxes_to_image: "phrases in boxes",
  super_resolution: "enlarging",
  unconditional: "from noise alone",
};

export function ModelFacts({ model }: { model: Model }) {
  const facts: [string, string][] = [
    ["Makes", model.tasks.map((task) => TASKS[task] ?? task).join(", ") + (model.maxFrames > 0 ? ", clips" : "")],
    ["Size", `${model.nativeWidth} × ${model.nativeHeight}; ${model.minSize} to ${model.maxSize}, in steps of ${model.sizeMultiple}`],
    ["Steps, guidance", `${model.defaultSteps}, ${model.defaultGuidanceScale}`],
    ["Prompt", model.promptTokens > 0 ? `windows of ${model.promptTokens} tokens` : "none"],
    ["Samplers", model.samplers.map(({ name }) => name).join(", ")],
    ["Adapters", model.adapters.join(", ") || "none"],
    ["Architecture", `${model.architecture}, ${(Number(model.memoryBytes) / 1e6).toFixed(0)} MB`],
  ];
  return (
    <details class="facts">
      <summary>What it takes</summary>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
