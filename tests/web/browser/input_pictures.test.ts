// Pictures to begin with, and masks on them.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import type { Locator } from "playwright-core";
import { expect, test } from "vitest";

import type { Person } from "./page.ts";
import { ROOT } from "./processes.ts";
import { stage } from "./setup.ts";

const here = stage();

// 64 × 64.
const APPLE = readFileSync(new URL("../unit/apple.png", import.meta.url));

const zone = (person: Person): Locator => person.page.getByRole("group", { name: "Begin with a picture" });
const newestSpec = async () => (await here.service.get("jobs")).jobs[0].spec;
const sha256 = (data: Buffer) => createHash("sha256").update(data).digest("hex");

async function addPicture(person: Person, file = APPLE): Promise<void> {
  await person.drop(zone(person), "apple.png", "image/png", file);
  await zone(person).getByRole("img", { name: "The picture to begin with" }).waitFor();
}

// Grey values of a picture's pixels, as the browser sees them.
async function pixels(person: Person, file: Buffer): Promise<number[]> {
  return person.page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]));
    const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")!;
    pen.drawImage(bitmap, 0, 0);
    return [...pen.getImageData(0, 0, bitmap.width, bitmap.height).data];
  }, file.toString("base64"));
}

// Pixels of the canvas that have paint.
const paintOn = (canvas: Locator): Promise<number> =>
  canvas.evaluate((each: HTMLCanvasElement) => {
    const { data } = each.getContext("2d")!.getImageData(0, 0, each.width, each.height);
    return data.filter((value, i) => i % 4 === 3 && value >= 128).length;
  });

test("a dropped picture is what the new one begins with", async () => {
  const person = await here.arrive();
  await addPicture(person);
  await person.field("How much is redone").fill("0.5");
  await person.ask("a green apple", { Steps: "8" });
  await person.waitForPictures("a green apple", 1);
  expect(await newestSpec()).toMatchObject({
    width: 64, height: 64, imageToImage: { image: { blobSha256: sha256(APPLE) }, strength: 0.5 },
  });
});

test("what is painted is redrawn, the rest stays", async () => {
  const person = await here.arrive();
  await addPicture(person);
  const canvas = zone(person).getByRole("application");
  await person.field("Brush").fill("30");
  await canvas.scrollIntoViewIfNeeded();
  const box = (await canvas.boundingBox())!;
  // The left third, from top to bottom.
  await person.page.mouse.move(box.x + box.width * 0.1, box.y + 2);
  await person.page.mouse.down();
  await person.page.mouse.move(box.x + box.width * 0.1, box.y + box.height - 2, { steps: 10 });
  await person.page.mouse.up();
  await person.field("How much is redrawn under the mask").fill("1");
  await person.ask("a blue wall", { Steps: "8" });
  await person.waitForPictures("a blue wall", 1);
  const spec = await newestSpec();
  expect(spec.inpaint).toMatchObject({ image: { blobSha256: sha256(APPLE) }, strength: 1 });

  // Far from the mask the new picture is the old one, but for what the autoencoder does to it.
  const before = await pixels(person, APPLE);
  const after = await pixels(person, (await person.download("a blue wall")).file);
  const difference = (fromX: number, toX: number) => {
    let sum = 0;
    for (let y = 0; y < 64; ++y) for (let i = (y * 64 + fromX) * 4; i < (y * 64 + toX) * 4; ++i) sum += Math.abs(before[i]! - after[i]!);
    return sum / (64 * (toX - fromX) * 4);
  };
  expect(difference(0, 12)).toBeGreaterThan(3 * difference(32, 64));
});

test("a mask is painted by keyboard, erased and cleared", async () => {
  const person = await here.arrive();
  await addPicture(person);
  const canvas = zone(person).getByRole("application");
  const painted = () => paintOn(canvas);
  await canvas.focus();
  await canvas.press("Space");
  const dot = await painted();
  expect(dot).toBeGreaterThan(20);
  for (let i = 0; i < 6; ++i) await canvas.press("ArrowRight");
  await canvas.press("Space");
  expect(await painted()).toBe(2 * dot);
  await person.field("Erase").check();
  await canvas.press("Space");
  expect(await painted()).toBe(dot);
  await person.button("Clear the mask").click();
  await expect.poll(painted).toBe(0);
  // Without a mask it is image to image again.
  await person.field("How much is redone").waitFor();
});

test("the canvas shows the mask of the parameters that are in the form", async () => {
  const person = await here.arrive();
  await addPicture(person);
  await person.ask("without a mask", { Steps: "4" });
  await person.waitForPictures("without a mask", 1);
  const canvas = zone(person).getByRole("application");
  await canvas.focus();
  await canvas.press("Space");
  const dot = await paintOn(canvas);
  await person.field("How much is redrawn under the mask").waitFor();
  await person.ask("under a mask", { Steps: "4" });
  await person.waitForPictures("under a mask", 1);

  const useAgain = (title: string) => person.pictures(title).getByRole("button", { name: "Use again" }).click();
  await useAgain("without a mask");
  await expect.poll(() => paintOn(canvas)).toBe(0);
  await person.field("How much is redone").waitFor();
  await useAgain("under a mask");
  await expect.poll(() => paintOn(canvas)).toBe(dot);
  await person.field("How much is redrawn under the mask").waitFor();
  // What is painted now is added to it.
  for (let i = 0; i < 6; ++i) await canvas.press("ArrowRight");
  await canvas.press("Space");
  await person.ask("under both", { Steps: "4" });
  await person.waitForPictures("under both", 1);
  expect(await paintOn(canvas)).toBe(2 * dot);
  await useAgain("under a mask");
  await expect.poll(() => paintOn(canvas)).toBe(dot);
});

test("a large picture is sent before, in parts", async () => {
  const person = await here.arrive();
  // Noise does not get smaller as a PNG: about 2 MB.
  const base64 = await person.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(800, 800);
    const pen = canvas.getContext("2d")!;
    const noise = pen.createImageData(800, 800);
    for (let i = 0; i < noise.data.length; i += 65536) crypto.getRandomValues(noise.data.subarray(i, i + 65536));
    for (let i = 3; i < noise.data.length; i += 4) noise.data[i] = 255;
    pen.putImageData(noise, 0, 0);
    const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  });
  const file = Buffer.from(base64, "base64");
  expect(file.length).toBeGreaterThan(1 << 20);
  let parts = 0;
  person.page.on("request", (request) => (parts += Number(request.url().endsWith("Blobs/PutChunk"))));
  await addPicture(person, file);
  await person.ask("noise", { Steps: "4" });
  await person.waitForPictures("noise", 1);
  expect((await newestSpec()).imageToImage.image.blobSha256).toBe(sha256(file));
  expect(parts).toBe(1 + Math.ceil(file.length / (1 << 20)));
});

test("a picture of the gallery can be begun with; a wide one keeps its shape", async () => {
  const person = await here.arrive();
  await person.page.getByText("Size, seed and sampler").click();
  await person.ask("a fish", { Steps: "4", Width: "64", Height: "32" });
  await person.waitForPictures("a fish", 1);
  await person.button(/^Show a fish/).click();
  await person.page.getByRole("dialog").getByRole("button", { name: "Begin with it" }).click();
  await zone(person).getByRole("img", { name: "The picture to begin with" }).waitFor();
  await person.ask("a green fish");
  await person.waitForPictures("a green fish", 1);
  expect(await newestSpec()).toMatchObject({ width: 64, height: 32, imageToImage: { strength: 0.8 } });
});

test("a picture that was made from another one says so when its parameters are restored", async () => {
  const person = await here.arrive();
  await addPicture(person);
  await person.ask("a lemon", { Steps: "4" });
  await person.waitForPictures("a lemon", 1);
  const { file } = await person.download("a lemon");
  const another = await here.arrive();
  await another.drop(another.page.getByRole("region", { name: "Gallery" }), "a.png", "image/png", file);
  await another.page.getByRole("form").getByText(/The picture that it was made from is not in the file/).waitFor();
  expect(await another.field("Prompt").inputValue()).toBe("a lemon");
});

test("JPEG and WebP files are taken, too", async () => {
  for (const name of ["rgb.jpg", "lossy.webp"]) {
    const person = await here.arrive();
    const file = readFileSync(`${ROOT}tests/golden/imaging/files/${name}`);
    await person.page.getByLabel("Choose a picture").setInputFiles({ name, mimeType: "", buffer: file });
    await zone(person).getByRole("img", { name: "The picture to begin with" }).waitFor();
    await person.ask(name, { Steps: "4" });
    await person.waitForPictures(name, 1);
    expect((await newestSpec()).imageToImage.image.blobSha256).toBe(sha256(file));
  }
});
