// Asking for pictures.

import { expect, test } from "vitest";

import { LONG } from "./page.ts";
import { stage } from "./setup.ts";

const here = stage({ arguments: ["--max-batch-rows", "2"] });

const newestSpec = async () => (await here.service.get("jobs")).jobs[0].spec;

test("a model tells what it takes", async () => {
  const person = await here.arrive();
  await person.page.getByText("What it takes").click();
  const facts = person.page.getByRole("form").locator("dl");
  await expect.poll(() => facts.innerText()).toContain("text to image, image to image, inpainting");
  expect(await facts.innerText()).toMatch(/64 × 64; 16 to 256, in steps of 4/);
  expect(await facts.innerText()).toContain("pictograms-lcm");
});

test("a prompt becomes a picture that sharpens step by step", async () => {
  const person = await here.arrive();
  await person.ask("a red apple", { "Negative prompt": "green", Steps: "200" });
  const card = person.card("a red apple");
  await card.getByText(/step \d+ of 200, [\d.]+ m?s left/).waitFor();
  const preview = card.getByRole("img", { name: /Preview after step/ });
  const first = await preview.getAttribute("src");
  const step = async () => Number((await preview.getAttribute("alt"))!.match(/\d+/)![0]);
  const firstStep = await step();
  await expect.poll(() => preview.getAttribute("src")).not.toBe(first);
  await expect.poll(step).toBeGreaterThan(firstStep);
  await person.waitForPictures("a red apple", 1);
  expect(await newestSpec()).toMatchObject({ prompt: "a red apple", negativePrompt: "green", steps: 200 });
});

test("what is set in the form is what is made", async () => {
  const person = await here.arrive();
  await person.page.getByText("Size, seed and sampler").click();
  await person.field("Sampler").selectOption("euler");
  await person.field("Sigmas").selectOption("karras");
  await person.ask("a heart", { Width: "32", Height: "48", Seed: "9223372036854775807", Steps: "4", Guidance: "2.5" });
  await person.waitForPictures("a heart", 1);
  expect(await newestSpec()).toMatchObject({
    width: 32, height: 48, seed: "9223372036854775807", steps: 4, guidanceScale: 2.5, sampler: "euler", sigmas: "karras",
  });
});

test("several pictures come of one request, each with its own seed", async () => {
  const person = await here.arrive();
  await person.ask("a star", { Pictures: "3", Steps: "4" });
  await person.waitForPictures("a star", 3);
  const names = await person.button(/^Show a star, seed/).evaluateAll((all) => all.map((each) => each.getAttribute("aria-label")));
  expect(new Set(names).size).toBe(3);
});

test("a job says its place in the queue, and can be cancelled", async () => {
  const person = await here.arrive();
  await person.ask("the first", { ...LONG, Pictures: "2" });
  await person.waitForSteps("the first");
  await person.ask("the second", { ...LONG, Pictures: "1" });
  await person.card("the second").getByText(/Next in the queue|Place \d+ in the queue/).waitFor();
  await person.ask("the third");
  await person.card("the third").getByText(/Place 2 in the queue/).waitFor();

  for (const title of ["the second", "the first", "the third"]) {
    await person.card(title).getByRole("button", { name: "Cancel" }).click();
    await person.card(title).getByText("Cancelled", { exact: true }).waitFor();
  }
  const { jobs } = await here.service.get("jobs?states=STATE_CANCELLED");
  expect(jobs.slice(0, 3).map((job: any) => job.spec.prompt)).toEqual(["the third", "the second", "the first"]);
});

test("a LoRA acts with the strength of its slider", async () => {
  const person = await here.arrive();
  await person.field("pictograms-lcm").check();
  const slider = person.field("Strength of pictograms-lcm");
  await slider.focus();
  for (let i = 0; i < 4; ++i) await slider.press("ArrowLeft");
  await person.ask("a cat", { Steps: "4", Guidance: "1" });
  await person.waitForPictures("a cat", 1);
  expect((await newestSpec()).loras).toEqual([{ name: "pictograms-lcm", scale: 0.8 }]);
});

test("raw latents are shown, decoded by the page", async () => {
  const person = await here.arrive();
  await person.field("Previews").selectOption("latent");
  await person.ask("a sun", LONG);
  await person.waitForSteps("a sun");
  const canvas = person.card("a sun").locator("canvas");
  const colours = () =>
    canvas.evaluate((each: HTMLCanvasElement) => {
      const { data } = each.getContext("2d")!.getImageData(0, 0, each.width, each.height);
      return [each.width, each.height, new Set(new Uint32Array(data.buffer)).size];
    });
  await expect.poll(async () => (await colours())[2]!).toBeGreaterThan(50);
  expect((await colours()).slice(0, 2)).toEqual([16, 16]);
});

test("what the server refuses is told by field", async () => {
  const person = await here.arrive();
  await person.ask("a (red apple", { Steps: "4" });
  await person.card("a (red apple").getByText(/^prompt: .*\(/).waitFor();
});
