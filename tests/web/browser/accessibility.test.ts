// Keyboards, screen readers, phones, light and dark.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { expect, test } from "vitest";

import type { Person } from "./page.ts";
import { stage } from "./setup.ts";

const here = stage();
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

// Violations of WCAG 2.1 A and AA that axe-core finds.
async function violations(person: Person): Promise<string[]> {
  await person.page.evaluate(AXE);
  return person.page.evaluate(async () => {
    const options = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] };
    const { violations: found } = await (globalThis as any).axe.run(document, options);
    return found.map((each: any) => `${each.id}: ${each.nodes.map((node: any) => node.html).join(" | ")}`);
  });
}

// Tab until the element of this name has the focus.
async function tabTo(person: Person, name: string): Promise<void> {
  for (let i = 0; i < 60; ++i) {
    await person.page.keyboard.press("Tab");
    const found = await person.page.evaluate(() => {
      const { activeElement: focused } = document;
      const label = focused instanceof HTMLInputElement || focused instanceof HTMLTextAreaElement ? focused.labels?.[0] : focused;
      return focused?.getAttribute("aria-label") ?? label?.textContent ?? "";
    });
    if (found.trim().startsWith(name)) return;
  }
  throw new Error(`Tab does not come to ${name}`);
}

test("a picture is made, looked at and used again by keyboard alone", async () => {
  const person = await here.arrive();
  const { keyboard } = person.page;
  await tabTo(person, "Prompt");
  await keyboard.type("an apple");
  await tabTo(person, "Steps");
  await keyboard.type("4");
  await keyboard.press("Enter");
  await person.waitForPictures("an apple", 1);
  await tabTo(person, "Show an apple");
  await keyboard.press("Enter");
  const dialog = person.page.getByRole("dialog", { name: "an apple" });
  await dialog.waitFor();
  await keyboard.press("Escape");
  await expect.poll(() => dialog.count()).toBe(0);
  await tabTo(person, "Use again");
  await keyboard.press("Space");
  await person.page.getByRole("form").getByText("The parameters are in the form.").waitFor();

  // A long one, and its cancel.
  await tabTo(person, "Create");
  await tabTo(person, "Steps");
  await keyboard.press("Control+A");
  await keyboard.type("1000");
  await keyboard.press("Enter");
  await person.waitForSteps("an apple");
  await tabTo(person, "Cancel");
  await keyboard.press("Space");
  await person.card("an apple").getByText("Cancelled", { exact: true }).waitFor();
});

test("tabs are changed with the arrow keys", async () => {
  const person = await here.arrive();
  await tabTo(person, "Create");
  await person.page.keyboard.press("ArrowRight");
  await person.page.getByText(/up for/).waitFor();
  expect(await person.page.getByRole("tab", { name: "Service", selected: true }).count()).toBe(1);
});

test("what happens to a job is said to screen readers", async () => {
  const person = await here.arrive();
  const said: string[] = [];
  await person.page.exposeFunction("say", (text: string) => said.push(text));
  await person.page.getByRole("status").evaluate((region) => {
    new MutationObserver(() => (globalThis as any).say(region.textContent)).observe(region, {
      characterData: true, childList: true, subtree: true,
    });
  });
  await person.ask("a bell", { Steps: "8" });
  await person.waitForPictures("a bell", 1);
  await expect.poll(() => said.at(-1)).toBe("Ready: a bell");
});

test.each(["light", "dark"] as const)("axe finds nothing wrong in %s", async (colorScheme) => {
  const person = await here.arrive({ colorScheme });
  await person.page.getByText("What it takes").click();
  await person.page.getByText("Size, seed and sampler").click();
  await person.field("pictograms-lcm").check();
  await person.field("Compare in a grid").check();
  await person.ask("a tree", { Steps: "4", "Seeds (rows)": "1", "Guidance (columns)": "1 4" });
  await expect.poll(() => person.page.getByRole("region", { name: "Comparison: a tree" }).getByRole("img").count()).toBe(2);
  await person.field("Compare in a grid").uncheck();
  await person.ask("a tree");
  await person.waitForPictures("a tree", 1);
  await person.ask("a long one", { Steps: "1000" });
  await person.waitForSteps("a long one");
  expect(await violations(person)).toEqual([]);
  await person.card("a long one").getByRole("button", { name: "Cancel" }).click();
  await person.button(/^Show a tree/).click();
  expect(await violations(person)).toEqual([]);
  await person.page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await person.page.getByRole("tab", { name: "Service" }).click();
  await person.page.getByText(/up for/).waitFor();
  expect(await violations(person)).toEqual([]);
  const ground = await person.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const brightness = Math.max(...ground.match(/\d+/g)!.map(Number));
  if (colorScheme === "dark") expect(brightness).toBeLessThan(60);
  else expect(brightness).toBeGreaterThan(200);
});

test("at the width of a phone nothing sticks out, and a picture is made", async () => {
  const person = await here.arrive(PHONE);
  const sticksOut = () => person.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await person.page.getByText("Size, seed and sampler").tap();
  await person.field("Compare in a grid").check();
  await person.ask("a small one", { Steps: "4", "Seeds (rows)": "2", "Guidance (columns)": "1 2 3 4 5" });
  const grid = person.page.getByRole("region", { name: "Comparison: a small one" });
  await expect.poll(() => grid.getByRole("img").count()).toBe(10);
  expect(await sticksOut()).toBe(0);
  await person.field("Compare in a grid").uncheck();
  await person.button(/^Make/).tap();
  await person.waitForPictures("a small one", 1);
  await person.button(/^Show a small one/).tap();
  await person.page.getByRole("dialog").waitFor();
  expect(await sticksOut()).toBe(0);
  await person.page.getByRole("dialog").getByRole("button", { name: "Close" }).tap();
  await person.page.getByRole("tab", { name: "Service" }).tap();
  await person.page.getByText(/up for/).waitFor();
  expect(await sticksOut()).toBe(0);
});
