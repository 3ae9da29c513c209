import { readFileSync } from "node:fs";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";

import { GenerationSpecSchema } from "../../../client/web/src/gen/latentd/v1/spec_pb.ts";
import { DEFAULT_MOTION, emptyParameters, toSpec } from "../../../client/web/src/jobs/parameters.ts";
import { fromSpec, parametersOfPng } from "../../../client/web/src/jobs/restored.ts";

const TEXT = { tasks: ["text_to_image", "image_to_image", "inpaint"] };

test("a specification gives the parameters back, however long the seed", () => {
  const parameters = {
    ...emptyParameters("m"),
    prompt: "a (red:1.2) apple",
    negativePrompt: "blue",
    width: 64,
    height: 48,
    steps: 12,
    sampler: "euler_a",
    sigmas: "karras",
    guidanceScale: 0,
    seed: "9223372036854775807",
    loras: [{ name: "ink", scale: -0.5 }],
    motion: { ...DEFAULT_MOTION, name: "walk", frames: 3, fps: 5 },
  };
  expect(fromSpec(toSpec(parameters, TEXT, {}))).toEqual({ parameters, needsPicture: false, noPlaceFor: [] });
});

const specs: [string, MessageInitShape<typeof GenerationSpecSchema>, { needsPicture: boolean; noPlaceFor: string[] }][] = [
  [
    "options",
    { literalPrompt: true, clipSkip: 1, prompt2: "p", guidanceRescale: 0.5, eta: 1, denoisingEnd: 0.8, embeddings: ["cat"] },
    {
      needsPicture: false,
      noPlaceFor: ["literal prompt", "clip skip", "prompt 2", "guidance rescale", "eta", "denoising end", "embeddings"],
    },
  ],
  ["ControlNets and image prompts", { controls: [{ name: "pose" }], imagePrompts: [{ name: "face" }] }, { needsPicture: false, noPlaceFor: ["controls", "image prompts"] }],
  ["outpainting", { task: { case: "outpaint", value: { left: 8 } } }, { needsPicture: true, noPlaceFor: ["outpaint"] }],
  ["boxes", { task: { case: "boxesToImage", value: { boxes: [{ phrase: "a cat" }] } } }, { needsPicture: false, noPlaceFor: ["boxes to image"] }],
  ["a refiner", { task: { case: "imageToImage", value: { denoisingStart: 0.8 } } }, { needsPicture: true, noPlaceFor: ["denoising start"] }],
  ["enlarging with more noise", { task: { case: "superResolution", value: { noiseLevel: 50 } } }, { needsPicture: true, noPlaceFor: ["noise level"] }],
  ["enlarging as usual", { task: { case: "superResolution", value: { noiseLevel: 20 } } }, { needsPicture: true, noPlaceFor: [] }],
];

test.each(specs)("of %s it is told what the form has no place for", (_, spec, told) => {
  expect(fromSpec(create(GenerationSpecSchema, { model: "m", prompt: "p", steps: 4, ...spec }))).toMatchObject(told);
});

describe("parameters of a PNG", () => {
  test("are those that latentd has written", async () => {
    const file = new Blob([readFileSync(new URL("apple.png", import.meta.url))], { type: "image/png" });
    expect(await parametersOfPng(file)).toEqual({
      needsPicture: false,
      noPlaceFor: [],
      parameters: {
        ...emptyParameters("pictograms"),
        prompt: "a réd apple",
        negativePrompt: "blue",
        width: 64,
        height: 64,
        seed: "7",
        steps: 4,
        sampler: "ddim",
        sigmas: "default",
        guidanceScale: 4,
        loras: [{ name: "pictograms-lcm", scale: 0.5 }],
      },
    });
  });

  test("are not in other pictures", async () => {
    const file = new Blob([readFileSync(new URL("../../golden/imaging/files/dot.png", import.meta.url))]);
    expect(await parametersOfPng(file)).toBeUndefined();
  });
});
