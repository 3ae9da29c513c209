// What of someone's parameters a model takes.

import { Adapter_Kind, type Model } from "../gen/latentd/v1/models_pb";
import { adaptersOf } from "./catalog";
import type { Parameters } from "./parameters";

const PICTURE_TASKS = ["image_to_image", "inpaint", "super_resolution"];

export const takesPicture = (model: Model): boolean => model.tasks.some((task) => PICTURE_TASKS.includes(task));
export const lorasOf = (model: Model): string[] => adaptersOf(model, Adapter_Kind.LORA);
export const motionsOf = (model: Model): string[] => (model.maxFrames > 0 ? adaptersOf(model, Adapter_Kind.MOTION) : []);

// `leftOut`: in words, what it does not take.
export function fitTo(model: Model, parameters: Parameters): { parameters: Parameters; leftOut: string[] } {
  const fitted = { ...parameters };
  const leftOut: string[] = [];
  const sampler = () => model.samplers.find(({ name }) => name === (fitted.sampler || model.defaultSampler));
  if (!sampler()) {
    leftOut.push(`the sampler ${fitted.sampler}`);
    fitted.sampler = "";
  }
  if (fitted.sigmas !== "" && !sampler()?.sigmas.includes(fitted.sigmas)) {
    leftOut.push(`the sigmas ${fitted.sigmas}`);
    fitted.sigmas = "";
  }
  fitted.loras = fitted.loras.filter(({ name }) => {
    const fits = lorasOf(model).includes(name);
    if (!fits) leftOut.push(`the LoRA ${name}`);
    return fits;
  });
  if (fitted.motion && !motionsOf(model).includes(fitted.motion.name)) {
    leftOut.push(`the motion module ${fitted.motion.name}`);
    fitted.motion = undefined;
  }
  if (fitted.image && !takesPicture(model)) {
    leftOut.push("the picture to begin with");
    fitted.image = undefined;
  }
  if (fitted.mask && !model.tasks.includes("inpaint")) {
    leftOut.push("the mask");
    fitted.mask = undefined;
  }
  return { parameters: fitted, leftOut };
}
