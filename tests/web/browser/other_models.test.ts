// What other models than the embedded ones do: animations, pictures without words, a safety checker.

import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { ROOT } from "./processes.ts";
import { stage } from "./setup.ts";

const GOLDEN = `${ROOT}tests/golden/pipelines`;
const here = stage({ arguments: ["--models", `${GOLDEN}/models`, "--adapters", `${GOLDEN}/adapters`, "--max-batch-rows", "32"] });

async function askForClip(file: string) {
  const person = await here.arrive();
  await person.page.getByLabel("Model", { exact: true }).selectOption("tiny-epsilon");
  await person.field("Motion module").selectOption("motion-v2");
  await person.field("File").selectOption(file);
  await person.ask("a walk", { Steps: "3", Frames: "3", "Frames a second": "5" });
  await person.waitForPictures("a walk", 1);
  return person;
}

test.each(["webp", "gif"])("a clip as %s plays, and rests when it is told to", async (file) => {
  const person = await askForClip(file);
  const clip = person.pictures("a walk");
  await expect.poll(() => clip.locator("img").evaluate((each: HTMLImageElement) => each.naturalWidth)).toBeGreaterThan(0);
  // What the file holds, by the browser's own decoder.
  const bytes = (await person.download("a walk")).file.toString("base64");
  const frames = await person.page.evaluate(
    async ([base64, type]) => {
      const data = Uint8Array.from(atob(base64!), (character) => character.charCodeAt(0));
      const decoder = new ImageDecoder({ data, type: type! });
      await decoder.tracks.ready;
      return decoder.tracks.selectedTrack!.frameCount;
    },
    [bytes, `image/${file}`],
  );
  expect(frames).toBe(3);
  await clip.getByRole("button", { name: "Pause" }).click();
  await expect.poll(() => clip.locator("canvas").evaluate((each: HTMLCanvasElement) => each.width)).toBeGreaterThan(0);
  expect(await clip.locator("img").count()).toBe(0);
  await clip.getByRole("button", { name: "Play" }).click();
  await clip.locator("img").waitFor();
});

test("a clip as MP4 plays", async () => {
  const person = await askForClip("mp4");
  const video = person.pictures("a walk").locator("video");
  // What is not seen does not play.
  await video.scrollIntoViewIfNeeded();
  await expect.poll(() => video.evaluate((each: HTMLVideoElement) => each.currentTime)).toBeGreaterThan(0.1);
  expect((await person.download("a walk")).name).toMatch(/\.mp4$/);
  expect((await here.service.get("jobs")).jobs[0].spec.animation).toEqual({ motion: "motion-v2", frames: 3, fps: 5 });
});

test("clips of a grid play, too, and are told of", async () => {
  const person = await here.arrive();
  await person.page.getByLabel("Model", { exact: true }).selectOption("tiny-epsilon");
  await person.field("Motion module").selectOption("motion-v2");
  await person.field("File").selectOption("mp4");
  await person.field("Compare in a grid").check();
  await person.ask("a run", { Steps: "2", Frames: "3", "Seeds (rows)": "1", "Guidance (columns)": "2" });
  const grid = person.page.getByRole("region", { name: "Comparison: a run" });
  const video = grid.locator("video");
  await video.scrollIntoViewIfNeeded();
  await expect.poll(() => video.evaluate((each: HTMLVideoElement) => each.currentTime)).toBeGreaterThan(0.1);
  await grid.getByRole("button", { name: /^Details of guidance 2/ }).click();
  expect(await person.page.getByRole("dialog", { name: "a run" }).innerText()).toMatch(/Animation\s+motion-v2, 3 frames/);
});

test("who wants no motion gets clips at rest", async () => {
  const person = await here.arrive({ reducedMotion: "reduce" });
  await person.page.getByLabel("Model", { exact: true }).selectOption("tiny-epsilon");
  await person.field("Motion module").selectOption("motion-v2");
  await person.ask("calm", { Steps: "2", Frames: "2" });
  await person.pictures("calm").getByRole("button", { name: "Play" }).waitFor();
  await person.field("Compare in a grid").check();
  await person.ask("calm, too", { "Seeds (rows)": "1" });
  await person.page.getByRole("region", { name: "Comparison: calm, too" }).getByRole("button", { name: "Play" }).waitFor();
});

test("models of classes, of enlarging and of noise alone are asked for what they take", async () => {
  const person = await here.arrive();
  const model = person.page.getByLabel("Model", { exact: true });
  await model.selectOption("tiny-ldm-class");
  expect(await person.field("Prompt").count()).toBe(0);
  await person.ask("", { Class: "2", Steps: "3" });
  await person.waitForPictures("tiny-ldm-class", 1);
  expect((await here.service.get("jobs")).jobs[0].spec.classToImage).toEqual({ label: 2 });

  await model.selectOption("tiny-ddpm");
  await person.ask("", { Steps: "3" });
  await person.waitForPictures("tiny-ddpm", 1);

  await model.selectOption("tiny-ldm-upscaler");
  await person.button(/^Make/).click();
  await person.page.getByRole("alert").getByText("This model enlarges a picture: add one.").waitFor();
  await person.page.getByLabel("Choose a picture").setInputFiles(`${GOLDEN}/inputs/low-32.png`);
  await person.page.getByRole("img", { name: "The picture to begin with" }).waitFor();
  await person.button(/^Make/).click();
  await person.waitForPictures("tiny-ldm-upscaler", 1);
});

test("a model of a tiny decoder shows pictures, though latents were asked for", async () => {
  const person = await here.arrive();
  await person.page.getByLabel("Model", { exact: true }).selectOption("tiny-lcm");
  await person.field("Previews").selectOption("latent");
  await person.ask("first", { Steps: "4" });
  await person.waitForPictures("first", 1);
  await person.ask("second", { Steps: "4" });
  await person.waitForPictures("second", 1);
  const [second, first] = (await here.service.get("jobs")).jobs;
  expect([first.spec.preview.kind, second.spec.preview.kind]).toEqual(["KIND_LATENT", "KIND_IMAGE"]);

  // A request whose answer was lost with the page is the same when it is sent again.
  await person.reloadBeforeTheAnswer();
  await person.ask("third", { Steps: "4" });
  await person.waitForPictures("third", 1);
});

// As in tests/golden/pipelines/cases/safety.json: the checker flags the first.
const FLAGGED = { Width: "72", Height: "56", Seed: "901", Steps: "6", Guidance: "5", "Negative prompt": "green" };

test("a picture that is withheld is said so, and the others are there", async () => {
  const person = await here.arrive();
  await person.page.getByLabel("Model", { exact: true }).selectOption("tiny-safety");
  await person.page.getByText("Size, seed and sampler").click();
  await person.field("Sampler").selectOption("ddim");
  await person.ask("a red apple", { ...FLAGGED, Pictures: "3" });
  const card = person.card("a red apple");
  await card.getByText("Picture 1: Withheld by the server's safety policy").waitFor();
  const { outputs } = (await here.service.get("jobs")).jobs[0];
  const shown = outputs.filter((output: any) => output.state === "STATE_OK").length;
  expect(shown).toBeGreaterThan(0);
  await person.waitForPictures("a red apple", shown);
  await card.getByRole("button", { name: "Remove" }).click();
  await expect.poll(() => card.count()).toBe(0);
  await person.waitForPictures("a red apple", shown);
});

test("a picture of a grid that is withheld is said so, and can be run again", async () => {
  const person = await here.arrive();
  await person.page.getByLabel("Model", { exact: true }).selectOption("tiny-safety");
  await person.page.getByText("Size, seed and sampler").click();
  await person.field("Sampler").selectOption("ddim");
  await person.field("Compare in a grid").check();
  await person.ask("a red apple", { ...FLAGGED, "Seeds (rows)": "3", "Guidance (columns)": "5" });
  const grid = person.page.getByRole("region", { name: "Comparison: a red apple" });
  await grid.getByRole("row", { name: /901/ }).getByText("Withheld by the server's safety policy").waitFor();
  const count = (await here.service.jobsOf("a red apple")).length;
  await grid.getByRole("button", { name: "Run again what is missing" }).click();
  await expect.poll(async () => (await here.service.jobsOf("a red apple")).length).toBe(count + 1);
  await grid.getByText("Withheld by the server's safety policy").waitFor();
});

test("what this server does not offer is left out of restored parameters, and told", async () => {
  const person = await here.arrive();
  await person.page.getByLabel("Model", { exact: true }).selectOption("tiny-epsilon");
  await person.page.getByLabel("Restore from PNG").setInputFiles(fileURLToPath(new URL("../unit/apple.png", import.meta.url)));
  await person.page
    .getByRole("form")
    .getByText("Left out, since this server does not offer it: the model pictograms, the LoRA pictograms-lcm.")
    .waitFor();
  await person.button(/^Make/).click();
  await person.waitForPictures("a réd apple", 1);
  const [{ spec }] = (await here.service.get("jobs")).jobs;
  expect([spec.model, spec.loras ?? []]).toEqual(["tiny-epsilon", []]);
});
