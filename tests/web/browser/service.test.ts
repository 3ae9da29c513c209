// The tab that shows the service at work.

import { expect, test } from "vitest";

import { LONG } from "./page.ts";
import { stage } from "./setup.ts";

const here = stage({ arguments: ["--max-batch-rows", "4"] });

test("batch rows, queue and throughput are shown live", async () => {
  const person = await here.arrive();
  await person.ask("at work", { ...LONG, Pictures: "3" });
  await person.ask("beside it", { Pictures: "3" });
  await person.ask("in the queue", { Pictures: "3" });
  await person.waitForSteps("at work");
  await person.page.getByRole("tab", { name: "Service" }).click();
  const value = async (title: string) => {
    const label = await person.page.getByRole("img", { name: new RegExp(`^${title}`) }).getAttribute("aria-label");
    return Number(label!.match(/now ([\d.]+)/)![1]);
  };
  // 4 rows of the 9 fit a batch.
  await expect.poll(() => value("Rows in a batch")).toBeGreaterThan(2.5);
  expect(await value("Pictures being made")).toBeGreaterThan(2);
  await expect.poll(() => value("Jobs in the queue")).toBeGreaterThan(0);
  await expect.poll(() => value("Evaluations a second")).toBeGreaterThan(0);
  await person.page.getByText(/latentd [\d.]+ on cpu, float32; up for/).waitFor();

  // The jobs go on meanwhile, and are cancelled from the other tab.
  await person.page.getByRole("tab", { name: "Create" }).click();
  for (const title of ["at work", "beside it", "in the queue"]) await person.card(title).getByRole("button", { name: "Cancel" }).click();
  await person.page.getByRole("tab", { name: "Service" }).click();
  await expect.poll(() => value("Pictures being made")).toBe(0);
  await expect.poll(() => value("Jobs in the queue")).toBe(0);
});

test("a reload stays at the tab", async () => {
  const person = await here.arrive();
  await person.page.getByRole("tab", { name: "Service" }).click();
  await person.page.reload();
  await person.page.getByText(/up for/).waitFor();
});
