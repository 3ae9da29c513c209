// What stands in the form.

import { computed, signal } from "@preact/signals";

import type { Model } from "../gen/latentd/v1/models_pb";
import { adaptersOf, models } from "../jobs/catalog";
import { Adapter_Kind } from "../gen/latentd/v1/models_pb";
import { emptyParameters, type Parameters, parametersOfPng, shortName } from "../jobs/parameters";
import { fitSize } from "../jobs/size";
import { announce } from "./announcements";

export const form = signal<Parameters>(emptyParameters());
// Compare in a grid: so many seeds, and these guidance scales.
export const comparison = signal<{ seeds: number; guidances: string } | undefined>(undefined);
// What a person should know about what was filled in for them.
export const notice = signal("");

export const model = computed<Model | undefined>(
  () => models.value.find((each) => shortName(each.name) === form.value.model) ?? models.value[0],
);

export function edit(change: Partial<Parameters>): void {
  form.value = { ...form.value, ...change };
}

// What does not fit the model is left out.
export function chooseModel(name: string): void {
  const chosen = models.value.find((each) => shortName(each.name) === name);
  if (!chosen) return;
  const { sampler, sigmas, loras, motion, image, mask } = form.value;
  const info = chosen.samplers.find((each) => each.name === sampler);
  const fittingLoras = adaptersOf(chosen, Adapter_Kind.LORA);
  const motions = adaptersOf(chosen, Adapter_Kind.MOTION);
  const takesPicture = chosen.tasks.some((task) => PICTURE_TASKS.includes(task));
  edit({
    model: name,
    width: 0,
    height: 0,
    sampler: info ? sampler : "",
    sigmas: info?.sigmas.includes(sigmas) ? sigmas : "",
    loras: loras.filter((lora) => fittingLoras.includes(lora.name)),
    motion: motion && motions.includes(motion.name) ? motion : undefined,
    image: takesPicture ? image : undefined,
    mask: takesPicture && chosen.tasks.includes("inpaint") ? mask : undefined,
  });
  if (takesPicture && image) void usePicture(image);
}

export const PICTURE_TASKS = ["image_to_image", "inpaint", "super_resolution"];

export async function usePicture(picture: Blob): Promise<void> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(picture);
  } catch {
    tell("That file is no picture that can be read.");
    return;
  }
  const limits = model.value;
  const size = limits ? fitSize(bitmap.width, bitmap.height, limits) : { width: 0, height: 0 };
  bitmap.close();
  edit({ image: picture, mask: picture === form.value.image ? form.value.mask : undefined, ...size });
}

export function removePicture(): void {
  edit({ image: undefined, mask: undefined, width: 0, height: 0 });
}

export function useAgain(parameters: Parameters): void {
  const known = models.value.some((each) => shortName(each.name) === parameters.model);
  form.value = { ...parameters, ...(known ? {} : { model: form.value.model }) };
  comparison.value = undefined;
  tell(known ? "The parameters are in the form." : `The parameters are in the form; the model ${parameters.model} is not on this server.`);
}

// Whether the file carried parameters.
export async function restoreFrom(file: Blob): Promise<boolean> {
  const restored = await parametersOfPng(file);
  if (!restored) return false;
  useAgain({ ...restored.parameters, preview: form.value.preview });
  if (restored.needsPicture) {
    tell("The parameters are in the form. The picture that it was made from is not in the file: add it again.");
  }
  return true;
}

// What was dropped somewhere on the page: parameters if it carries some, otherwise a picture to begin with.
export async function useDropped(file: Blob): Promise<void> {
  if (await restoreFrom(file)) return;
  if (model.value?.tasks.some((task) => PICTURE_TASKS.includes(task))) await usePicture(file);
  else tell("The file carries no parameters, and this model takes no picture.");
}

export function tell(text: string): void {
  notice.value = text;
  announce(text);
}
