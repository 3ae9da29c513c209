// What a picture's file tells of how it was made.

import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";

import { type GenerationSpec, GenerationSpecSchema } from "../gen/latentd/v1/spec_pb";
import { pngTexts } from "../png/chunks";
import { DEFAULT_MOTION, DEFAULT_STRENGTH, emptyParameters, type Parameters, shortName } from "./parameters";

export interface Restored {
  parameters: Parameters;
  // Its picture was made from another one, which the file does not hold.
  needsPicture: boolean;
  // What the form has no place for.
  noPlaceFor: string[];
}

// The parameters that latentd has put into the PNG; undefined when there are none.
export async function parametersOfPng(file: Blob): Promise<Restored | undefined> {
  const text = (await pngTexts(new Uint8Array(await file.arrayBuffer()))).get("latentd");
  if (text === undefined) return undefined;
  try {
    const { spec } = JSON.parse(text) as { spec: JsonValue };
    return fromSpec(fromJson(GenerationSpecSchema, spec, { ignoreUnknownFields: true }));
  } catch {
    return undefined;
  }
}

export function fromSpec(spec: GenerationSpec): Restored {
  return {
    parameters: parametersOf(spec),
    needsPicture: ["imageToImage", "inpaint", "outpaint", "superResolution"].includes(spec.task.case ?? ""),
    noPlaceFor: noPlaceFor(spec),
  };
}

// Pictures are named in a specification only by their hashes, so they are not given back.
function parametersOf(spec: GenerationSpec): Parameters {
  const { animation, task } = spec;
  const strength = task.case === "imageToImage" || task.case === "inpaint" ? task.value.strength : undefined;
  return {
    ...emptyParameters(shortName(spec.model)),
    prompt: spec.prompt,
    negativePrompt: spec.negativePrompt,
    width: spec.width,
    height: spec.height,
    steps: spec.steps,
    sampler: spec.sampler,
    sigmas: spec.sigmas,
    guidanceScale: spec.guidanceScale,
    seed: spec.seed === undefined ? "" : spec.seed.toString(),
    loras: spec.loras.map((lora) => ({ name: shortName(lora.name), scale: lora.scale ?? 1 })),
    strength: strength ?? DEFAULT_STRENGTH,
    classLabel: task.case === "classToImage" ? task.value.label : 0,
    motion: animation && {
      ...DEFAULT_MOTION,
      name: shortName(animation.motion),
      frames: animation.frames || DEFAULT_MOTION.frames,
      fps: animation.fps || DEFAULT_MOTION.fps,
    },
  };
}

// What parametersOf() takes, and what says nothing of how the picture looks.
const TAKEN = new Set([
  ...["model", "prompt", "negative_prompt", "width", "height", "seed", "num_images", "steps", "sampler", "sigmas"],
  ...["guidance_scale", "loras", "animation", "preview", "output"],
  ...["image_to_image", "inpaint", "super_resolution", "class_to_image", "unconditional"],
]);
// What a specification says although nobody asked for it, since it is the server's value.
const DEFAULT_NOISE_LEVEL = 20;

function noPlaceFor(spec: GenerationSpec): string[] {
  const message = reflect(GenerationSpecSchema, spec);
  const names = message.fields.filter((field) => message.isSet(field) && !TAKEN.has(field.name)).map(({ name }) => name);
  const { task } = spec;
  if (task.case === "imageToImage" && task.value.denoisingStart !== undefined) names.push("denoising_start");
  if (task.case === "superResolution" && (task.value.noiseLevel ?? DEFAULT_NOISE_LEVEL) !== DEFAULT_NOISE_LEVEL) names.push("noise_level");
  return names.map((name) => name.replaceAll("_", " "));
}
