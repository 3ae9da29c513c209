import { describe, expect, test } from "vitest";

import { ClipFormat, ImageFormat } from "../../../client/web/src/gen/latentd/v1/spec_pb.ts";
import { DEFAULT_MOTION, emptyParameters, taskOf, toSpec } from "../../../client/web/src/jobs/parameters.ts";

const TEXT = { tasks: ["text_to_image", "image_to_image", "inpaint"] };
const picture = new Blob(["a picture"]);
const data = { case: "data", value: new Uint8Array([1]) } as const;

describe("the task", () => {
  test.each([
    [TEXT.tasks, {}, "text_to_image"],
    [TEXT.tasks, { image: picture }, "image_to_image"],
    [TEXT.tasks, { image: picture, mask: picture }, "inpaint"],
    [["text_to_image", "image_to_image"], { image: picture, mask: picture }, "image_to_image"],
    [["super_resolution"], { image: picture }, "super_resolution"],
    [["super_resolution"], {}, "super_resolution"],
    [["class_to_image"], {}, "class_to_image"],
    [["unconditional"], {}, "unconditional"],
  ])("of a model that does %s with %o is %s", (tasks, inputs, task) => {
    expect(taskOf({ ...emptyParameters("m"), ...inputs }, { tasks })).toBe(task);
  });
});

describe("the specification", () => {
  test("leaves to the model what was left open", () => {
    const spec = toSpec(emptyParameters("m"), TEXT, {});
    expect(spec).toMatchObject({ model: "m", steps: 0, sampler: "", width: 0 });
    expect(spec.seed).toBeUndefined();
    expect(spec.guidanceScale).toBeUndefined();
    expect(spec.output?.format).toBe(ImageFormat.PNG);
  });

  test("of a mask is an inpainting with both pictures", () => {
    const parameters = { ...emptyParameters("m"), image: picture, mask: picture, strength: 0.5 };
    const hash = { case: "blobSha256", value: "ab" } as const;
    const { task } = toSpec(parameters, TEXT, { image: hash, mask: data });
    expect(task).toMatchObject({ case: "inpaint", value: { strength: 0.5, image: { source: hash }, mask: { source: data } } });
  });

  test("of a clip asks for its file", () => {
    const parameters = { ...emptyParameters("m"), motion: { ...DEFAULT_MOTION, name: "walk", format: "mp4" as const } };
    const spec = toSpec(parameters, TEXT, {});
    expect(spec.animation).toMatchObject({ motion: "walk", frames: 16, fps: 8 });
    expect(spec.output).toMatchObject({ clipFormat: ClipFormat.MP4, format: ImageFormat.UNSPECIFIED });
  });

  test("of a model without text has no prompt", () => {
    const spec = toSpec({ ...emptyParameters("m"), prompt: "left over", classLabel: 3 }, { tasks: ["class_to_image"] }, {});
    expect(spec.prompt).toBe("");
    expect(spec.task).toMatchObject({ case: "classToImage", value: { label: 3 } });
  });
});
