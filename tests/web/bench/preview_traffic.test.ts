// What a step costs on the wire by the kind of its preview: bytes of the WatchJobs stream as Chromium receives them, less those of
// the same job without previews. Prints a table.

import { expect, test } from "vitest";

import { stage } from "../browser/setup.ts";

const here = stage();
const STEPS = 100;

async function bytesPerStep(size: number, preview: string): Promise<number> {
  const person = await here.arrive();
  const network = await person.context.newCDPSession(person.page);
  await network.send("Network.enable");
  const streams = new Set<string>();
  let bytes = 0;
  network.on("Network.requestWillBeSent", ({ requestId, request }) => {
    if (request.url.endsWith("/WatchJobs")) streams.add(requestId);
  });
  network.on("Network.dataReceived", ({ requestId, encodedDataLength }) => {
    if (streams.has(requestId)) bytes += encodedDataLength;
  });
  await person.page.getByText("Size, seed and sampler").click();
  await person.field("Previews").selectOption(preview);
  await person.ask("a red apple", { Width: `${size}`, Height: `${size}`, Steps: `${STEPS}`, Seed: "7" });
  await person.waitForPictures("a red apple", 1);
  return bytes / STEPS;
}

test("bytes a step", async () => {
  const rows = [];
  for (const size of [64, 128, 256]) {
    const none = await bytesPerStep(size, "none");
    const row: Record<string, number> = { "picture's edge": size };
    for (const preview of ["image", "latent"]) row[preview] = Math.round((await bytesPerStep(size, preview)) - none);
    expect(Math.min(row["image"]!, row["latent"]!)).toBeGreaterThan(0);
    rows.push(row);
  }
  console.table(rows);
}, 600_000);
