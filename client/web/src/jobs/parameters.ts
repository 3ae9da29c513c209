// What a person asks for: the form's state, and what the gallery keeps of each job.

import { create, type MessageInitShape } from "@bufbuild/protobuf";

import type { Model } from "../gen/latentd/v1/models_pb";
import {
  ClipFormat,
  type GenerationSpec,
  GenerationSpecSchema,
  ImageFormat,
  type InputImage,
  PreviewOptions_Kind,
} from "../gen/latentd/v1/spec_pb";

export type PreviewKind = "image" | "latent" | "none";
export type ClipKind = "webp" | "mp4" | "gif";

// Zero, an empty text and undefined mean the model's own value. Survives structuredClone, and so IndexedDB.
export interface Parameters {
  model: string;
  prompt: string;
  negativePrompt: string;
  width: number;
  height: number;
  steps: number;
  sampler: string;
  sigmas: string;
  guidanceScale: number | undefined;
  seed: string; // digits; empty: the server draws one
  numImages: number;
  loras: { name: string; scale: number }[];
  image: Blob | undefined; // begin with this picture …
  mask: Blob | undefined; // … and redraw what is white here
  strength: number;
  classLabel: number;
  motion: { name: string; frames: number; fps: number; format: ClipKind } | undefined;
  preview: PreviewKind;
}

export const DEFAULT_STRENGTH = 0.8;
export const DEFAULT_MOTION = { frames: 16, fps: 8, format: "webp" as ClipKind };

export function emptyParameters(model = ""): Parameters {
  return {
    model,
    prompt: "",
    negativePrompt: "",
    width: 0,
    height: 0,
    steps: 0,
    sampler: "",
    sigmas: "",
    guidanceScale: undefined,
    seed: "",
    numImages: 1,
    loras: [],
    image: undefined,
    mask: undefined,
    strength: DEFAULT_STRENGTH,
    classLabel: 0,
    motion: undefined,
    preview: "image",
  };
}

export const shortName = (name: string): string => name.slice(name.indexOf("/") + 1);

export type Task = "text_to_image" | "image_to_image" | "inpaint" | "super_resolution" | "class_to_image" | "unconditional";

// What these parameters ask of the model.
export function taskOf(parameters: Parameters, model: Pick<Model, "tasks">): Task {
  const { tasks } = model;
  if (parameters.image) {
    if (parameters.mask && tasks.includes("inpaint")) return "inpaint";
    return tasks.includes("super_resolution") ? "super_resolution" : "image_to_image";
  }
  if (tasks.includes("text_to_image")) return "text_to_image";
  if (tasks.includes("class_to_image")) return "class_to_image";
  if (tasks.includes("super_resolution")) return "super_resolution";
  return "unconditional";
}

const PREVIEWS = { image: PreviewOptions_Kind.IMAGE, latent: PreviewOptions_Kind.LATENT, none: PreviewOptions_Kind.NONE };
const CLIPS = { webp: ClipFormat.WEBP, mp4: ClipFormat.MP4, gif: ClipFormat.GIF };

type TaskInit = NonNullable<MessageInitShape<typeof GenerationSpecSchema>["task"]>;

export interface Inputs {
  image?: InputImage["source"];
  mask?: InputImage["source"];
}

// `inputs`: how the pictures travel, inside the message or as blobs that were sent before.
export function toSpec(parameters: Parameters, model: Pick<Model, "tasks">, inputs: Inputs): GenerationSpec {
  const task = taskOf(parameters, model);
  const image = { source: inputs.image ?? { case: undefined } } as const;
  const tasks: Record<Task, TaskInit> = {
    text_to_image: { case: undefined },
    image_to_image: { case: "imageToImage", value: { image, strength: parameters.strength } },
    inpaint: {
      case: "inpaint",
      value: { image, mask: { source: inputs.mask ?? { case: undefined } }, strength: parameters.strength },
    },
    super_resolution: { case: "superResolution", value: { lowRes: image } },
    class_to_image: { case: "classToImage", value: { label: parameters.classLabel } },
    unconditional: { case: "unconditional", value: {} },
  };
  const withText = task !== "class_to_image" && task !== "unconditional";
  const { motion } = parameters;
  return create(GenerationSpecSchema, {
    model: parameters.model,
    task: tasks[task],
    prompt: withText ? parameters.prompt : "",
    negativePrompt: withText ? parameters.negativePrompt : "",
    width: task === "super_resolution" ? 0 : parameters.width,
    height: task === "super_resolution" ? 0 : parameters.height,
    steps: parameters.steps,
    sampler: parameters.sampler,
    sigmas: parameters.sigmas,
    numImages: parameters.numImages,
    ...(parameters.guidanceScale === undefined ? {} : { guidanceScale: parameters.guidanceScale }),
    ...(parameters.seed === "" ? {} : { seed: BigInt(parameters.seed) }),
    loras: parameters.loras,
    ...(motion ? { animation: { motion: motion.name, frames: motion.frames, fps: motion.fps } } : {}),
    output: motion ? { clipFormat: CLIPS[motion.format] } : { format: ImageFormat.PNG },
    preview: { kind: PREVIEWS[parameters.preview], everySteps: 1 },
  });
}
