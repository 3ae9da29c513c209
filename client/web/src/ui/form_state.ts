// What stands in the form.

import { computed, signal } from "@preact/signals";

import type { Model } from "../gen/latentd/v1/models_pb";
import { catalogKnown, models } from "../jobs/catalog";
import { fitTo, takesPicture } from "../jobs/fit";
import { emptyParameters, type Parameters, shortName } from "../jobs/parameters";
import { parametersOfPng } from "../jobs/restored";
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
  form.value = fitTo(chosen, { ...form.value, model: name, width: 0, height: 0 }).parameters;
  if (form.value.image) void usePicture(form.value.image);
}

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

// What this server does not offer is left out, and told; so is `more`.
export async function useAgain(parameters: Parameters, more: string[] = []): Promise<void> {
  await catalogKnown;
  const known = models.value.find((each) => shortName(each.name) === parameters.model);
  const chosen = known ?? model.value!;
  const fitted = fitTo(chosen, { ...parameters, model: shortName(chosen.name) });
  form.value = fitted.parameters;
  comparison.value = undefined;
  const leftOut = known ? fitted.leftOut : [`the model ${parameters.model}`, ...fitted.leftOut];
  if (leftOut.length > 0) more = [`Left out, since this server does not offer it: ${leftOut.join(", ")}.`, ...more];
  tell(["The parameters are in the form.", ...more].join(" "));
}

// Whether the file carried parameters.
export async function restoreFrom(file: Blob): Promise<boolean> {
  const restored = await parametersOfPng(file);
  if (!restored) return false;
  const { parameters, noPlaceFor, needsPicture } = restored;
  const more: string[] = [];
  if (noPlaceFor.length > 0) more.push(`Left out, since the form has no place for it: ${noPlaceFor.join(", ")}.`);
  if (needsPicture) more.push("The picture that it was made from is not in the file: add it again.");
  await useAgain({ ...parameters, preview: form.value.preview }, more);
  return true;
}

// What was dropped somewhere on the page: parameters if it carries some, otherwise a picture to begin with.
export async function useDropped(file: Blob): Promise<void> {
  if (await restoreFrom(file)) return;
  if (model.value && takesPicture(model.value)) await usePicture(file);
  else tell("The file carries no parameters, and this model takes no picture.");
}

export function tell(text: string): void {
  notice.value = text;
  announce(text);
}
