// What a preview costs on the wire, by its kind: bytes of the gRPC-Web messages that bring one, as Chromium receives them. Prints a
// table for each model.

import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";

import { EventSchema } from "../../../client/web/src/gen/latentd/v1/event_pb.ts";
import { ROOT } from "../browser/processes.ts";
import { stage, type Stage } from "../browser/setup.ts";

const STEPS = 50;
const FRAME_HEAD = 5; // a byte of flags, four of length
const TRAILERS = 0x80;

function sizesOfPreviews(body: Buffer): number[] {
  const sizes = [];
  for (let at = 0; at < body.length; ) {
    const end = at + FRAME_HEAD + body.readUInt32BE(at + 1);
    const message = body.subarray(at + FRAME_HEAD, end);
    if (!(body[at]! & TRAILERS)) {
      const { kind } = fromBinary(EventSchema, message);
      if (kind.case === "progress" && kind.value.preview) sizes.push(end - at);
    }
    at = end;
  }
  return sizes;
}

async function bytesOfPreview(here: Stage, model: string, size: number, preview: string): Promise<number> {
  const person = await here.arrive();
  const network = await person.context.newCDPSession(person.page);
  await network.send("Network.enable");
  const streams: string[] = [];
  network.on("Network.requestWillBeSent", ({ requestId, request }) => {
    if (request.url.endsWith("/WatchJobs")) streams.push(requestId);
  });
  await person.page.getByText("Size, seed and sampler").click();
  await person.field("Model").selectOption(model);
  await person.field("Previews").selectOption(preview);
  await person.ask("a red apple", { Width: `${size}`, Height: `${size}`, Steps: `${STEPS}`, Seed: "7" });
  await person.waitForPictures("a red apple", 1);
  const { body, base64Encoded } = await network.send("Network.getResponseBody", { requestId: streams.at(-1)! });
  const sizes = sizesOfPreviews(Buffer.from(body, base64Encoded ? "base64" : "latin1"));
  expect(sizes.length).toBeGreaterThan(0);
  return Math.round(sizes.reduce((sum, each) => sum + each) / sizes.length);
}

// The second has the geometry of Stable Diffusion's latents, and random weights.
describe.each([
  { model: "pictograms", options: {} },
  { model: "tiny-epsilon", options: { arguments: ["--models", `${ROOT}tests/golden/pipelines/models`] } },
])("$model", ({ model, options }) => {
  const here = stage(options);

  test("bytes of a preview", async () => {
    const rows = [];
    for (const size of [64, 128, 256]) {
      const image = await bytesOfPreview(here, model, size, "image");
      const latent = await bytesOfPreview(here, model, size, "latent");
      rows.push({ "picture's edge": size, image, latent });
    }
    console.table(rows);
  });
});
