// What stays of finished pictures, and what comes back from it.

import { expect, test } from "vitest";

import { stage } from "./setup.ts";

const here = stage();

const FIELDS = { "Negative prompt": "blue", Steps: "4", Guidance: "3" };

test("a picture in the gallery puts its parameters back into the form", async () => {
  const person = await here.arrive();
  await person.ask("a red apple", { ...FIELDS, Pictures: "2" });
  await person.waitForPictures("a red apple", 2);
  const second = person.pictures("a red apple").nth(1);
  const seed = (await second.getByRole("button", { name: /^Show/ }).getAttribute("aria-label"))!.match(/seed (\d+)/)![1]!;
  for (const label of ["Prompt", "Negative prompt", "Steps", "Guidance"]) await person.field(label).fill("");
  await second.getByRole("button", { name: "Use again" }).click();
  for (const [label, value] of Object.entries({ ...FIELDS, Prompt: "a red apple", Pictures: "1" })) {
    expect(await person.field(label).inputValue()).toBe(value);
  }

  // The same seed gives the same picture.
  await person.button(/^Make/).click();
  await person.waitForPictures("a red apple", 3);
  const { jobs } = await here.service.get("jobs");
  expect(jobs[0].outputs[0].seed).toBe(seed);
  const earlier = jobs[1].outputs.find((output: any) => output.seed === seed);
  expect(jobs[0].outputs[0].sha256).toBe(earlier.sha256);
});

test("a picture is shown large, with its parameters, and can be removed", async () => {
  const person = await here.arrive();
  await person.ask("a heart", { ...FIELDS, Pictures: "2" });
  await person.waitForPictures("a heart", 2);
  await person.button(/^Show a heart/).first().click();
  const dialog = person.page.getByRole("dialog", { name: "a heart" });
  const words = await dialog.innerText();
  for (const fact of [/Negative prompt\s+blue/, /Guidance\s+3/, /Size\s+64 × 64/]) expect(words).toMatch(fact);
  await dialog.getByRole("button", { name: "Remove" }).click();
  await person.waitForPictures("a heart", 1);
  await person.reload();
  await person.waitForPictures("a heart", 1);
});

test("the gallery survives a reload", async () => {
  const person = await here.arrive();
  await person.ask("a star", { ...FIELDS, Pictures: "2" });
  await person.waitForPictures("a star", 2);
  await person.reload();
  await person.waitForPictures("a star", 2);
  const loaded = () =>
    person.pictures("a star").getByRole("img").evaluateAll((all) => all.map((each) => (each as HTMLImageElement).naturalWidth));
  await expect.poll(loaded).toEqual([64, 64]);
});

test("a downloaded PNG carries its parameters, and gives them back when it is dropped", async () => {
  const person = await here.arrive();
  await person.field("pictograms-lcm").check();
  await person.ask("a réd apple 🍎", FIELDS);
  await person.waitForPictures("a réd apple 🍎", 1);
  const { name, file } = await person.download("a réd apple 🍎");
  expect(name).toMatch(/^a-réd-apple-\d+\.png$/);
  expect(file.subarray(1, 4).toString()).toBe("PNG");
  expect(file.includes("latentd\0{")).toBe(true);

  const another = await here.arrive();
  await another.drop(another.page.getByRole("region", { name: "Gallery" }), name, "image/png", file);
  await another.page.getByRole("form").getByText("The parameters are in the form.").waitFor();
  expect(await another.field("Prompt").inputValue()).toBe("a réd apple 🍎");
  expect(await another.field("Steps").inputValue()).toBe("4");
  expect(await another.field("pictograms-lcm").isChecked()).toBe(true);
  await another.button(/^Make/).click();
  await another.waitForPictures("a réd apple 🍎", 1);
  expect((await another.download("a réd apple 🍎")).file.equals(file)).toBe(true);
});

test("a PNG without parameters is told, and a file that is no picture, too", async () => {
  const person = await here.arrive();
  const files = person.page.getByLabel("Restore from PNG");
  await files.setInputFiles({ name: "a.png", mimeType: "image/png", buffer: Buffer.from("\x89PNG\r\n\x1a\n", "latin1") });
  await person.page.getByRole("form").getByText("That file carries no parameters.").waitFor();
  await person.drop(person.page.getByRole("region", { name: "Gallery" }), "a.txt", "text/plain", Buffer.from("hello"));
  await person.page.getByRole("form").getByText("That file is no picture that can be read.").waitFor();
});
