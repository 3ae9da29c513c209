// Comparing seeds and guidance.

import { expect, test } from "vitest";

import { LONG } from "./page.ts";
import { stage } from "./setup.ts";

const here = stage();

test("rows are seeds, columns guidance", async () => {
  const person = await here.arrive();
  await person.page.getByText("Size, seed and sampler").click();
  await person.field("Compare in a grid").check();
  await person.ask("an owl", { Steps: "4", Seed: "40", "Seeds (rows)": "2", "Guidance (columns)": "1, 4.5; 8" });
  const grid = person.page.getByRole("region", { name: "Comparison: an owl" });
  for (const guidance of ["1", "4.5", "8"]) {
    for (const seed of ["40", "41"]) {
      await grid.getByRole("button", { name: `Show guidance ${guidance}, seed ${seed}`, exact: true }).waitFor();
    }
  }
  expect(await grid.getByRole("columnheader").allInnerTexts()).toEqual(["guidance 1", "guidance 4.5", "guidance 8"]);
  expect(await grid.getByRole("rowheader").allInnerTexts()).toEqual(["seed\n40", "seed\n41"]);
  const { jobs } = await here.service.get("jobs");
  const asked = jobs.slice(0, 3).map((job: any) => [job.spec.guidanceScale, job.spec.seed, job.spec.numImages]);
  expect(asked.sort()).toEqual([[1, "40", 2], [4.5, "40", 2], [8, "40", 2]]);

  await grid.getByRole("button", { name: "Show guidance 4.5, seed 41", exact: true }).click();
  await person.page.getByRole("dialog", { name: "an owl" }).getByRole("button", { name: "Use again" }).click();
  expect(await person.field("Guidance").inputValue()).toBe("4.5");
  expect(await person.field("Seed").inputValue()).toBe("41");

  await person.reload();
  await expect.poll(() => grid.getByRole("img").count()).toBe(6);
});

test("a picture of a grid is shown large, downloaded and removed by itself", async () => {
  const person = await here.arrive();
  await person.page.getByText("Size, seed and sampler").click();
  await person.field("Compare in a grid").check();
  await person.ask("an eel", { Steps: "4", Seed: "7", "Seeds (rows)": "2", "Guidance (columns)": "1, 4" });
  const grid = person.page.getByRole("region", { name: "Comparison: an eel" });
  const show = (cell: string) => grid.getByRole("button", { name: `Show ${cell}`, exact: true });
  await show("guidance 4, seed 7").click();
  const dialog = person.page.getByRole("dialog", { name: "an eel" });
  expect(await dialog.innerText()).toMatch(/Seed\s+7\n/);
  const [download] = await Promise.all([
    person.page.waitForEvent("download"),
    dialog.getByRole("link", { name: "Download" }).click(),
  ]);
  expect(download.suggestedFilename()).toBe("an-eel-7.png");
  await dialog.getByRole("button", { name: "Remove" }).click();

  // The others stay where they are.
  const cells = () =>
    grid.getByRole("row").evaluateAll((rows) =>
      rows.slice(1).map((row) => [...row.querySelectorAll("td")].map((cell) => cell.querySelector("button")?.getAttribute("aria-label") ?? "")),
    );
  const left = [
    ["Show guidance 1, seed 7", ""],
    ["Show guidance 1, seed 8", "Show guidance 4, seed 8"],
  ];
  await expect.poll(cells).toEqual(left);
  await person.reload();
  await expect.poll(cells).toEqual(left);
});

test("without a seed all columns share one that was drawn", async () => {
  const person = await here.arrive();
  await person.field("Compare in a grid").check();
  await person.ask("a fox", { Steps: "4", "Seeds (rows)": "1", "Guidance (columns)": "2 6" });
  await expect.poll(() => person.page.getByRole("region", { name: "Comparison: a fox" }).getByRole("img").count()).toBe(2);
  const { jobs } = await here.service.get("jobs");
  expect(jobs[0].spec.seed).toBe(jobs[1].spec.seed);
});

test("a grid is cancelled as a whole, and run again", async () => {
  const person = await here.arrive();
  await person.field("Compare in a grid").check();
  await person.ask("a bear", { ...LONG, "Seeds (rows)": "1", "Guidance (columns)": "2, 6" });
  const grid = person.page.getByRole("region", { name: "Comparison: a bear" });
  await grid.getByRole("button", { name: "Cancel" }).click();
  await grid.getByText("guidance 2: cancelled").waitFor();
  await grid.getByText("guidance 6: cancelled").waitFor();
  await grid.getByRole("button", { name: "Run again what is missing" }).click();
  await expect.poll(() => grid.getByRole("progressbar").count()).toBe(2);
  await grid.getByRole("button", { name: "Cancel" }).click();
  await grid.getByText("guidance 6: cancelled").waitFor();
});

test("what is no guidance is told", async () => {
  const person = await here.arrive();
  await person.field("Compare in a grid").check();
  await person.ask("a bear", { "Guidance (columns)": "two" });
  await person.page.getByRole("alert").getByText("Guidance: numbers from 0 to 100").waitFor();
  await person.ask("a bear", { "Guidance (columns)": "1 2 3 4 5 6 7 8", "Seeds (rows)": "9" });
  await person.page.getByRole("alert").getByText("at most 64").waitFor();
});
