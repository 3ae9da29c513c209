// A server that takes callers with a key only.

import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { LONG, type Person } from "./page.ts";
import { stage } from "./setup.ts";

const folder = mkdtempSync(join(tmpdir(), "latentd-web-"));
const file = join(folder, "keys.yaml");
const key = randomBytes(32).toString("hex");
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const letIn = (each: string, roles = "generate, read") =>
  writeFileSync(file, `- {id: key, sha256: ${sha256(each)}, tenant: web, roles: [${roles}]}\n`);

letIn(key);
const here = stage({ arguments: ["--api-keys", file] });
afterAll(() => rmSync(folder, { recursive: true }));

const dialogOf = (person: Person) => person.page.getByRole("dialog", { name: "This server asks who you are" });

async function giveKey(person: Person, text: string): Promise<void> {
  await dialogOf(person).getByLabel("API key").fill(text);
  await dialogOf(person).getByRole("button", { name: "Use it" }).click();
}

test("the key is asked for, and kept by the tab", async () => {
  const person = await here.visit();
  await giveKey(person, "wrong");
  await dialogOf(person).getByText("The key that you gave was not accepted.").waitFor();
  await giveKey(person, key);
  await person.ask("a lock", { Steps: "4" });
  await person.waitForPictures("a lock", 1);
  expect(await dialogOf(person).count()).toBe(0);

  await person.page.reload();
  await person.ask("a key", { Steps: "4" });
  await person.waitForPictures("a key", 1);

  // Another tab knows the pictures, but not the key.
  const tab = await person.context.newPage();
  await tab.goto(person.url);
  await tab.getByRole("dialog", { name: "This server asks who you are" }).waitFor();
  expect(await tab.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).not.toContain(key);
});

test("a key that is taken back while a job runs is asked for again, and the job goes on", async () => {
  const person = await here.visit();
  await giveKey(person, key);
  await person.ask("a long way", LONG);
  await person.waitForSteps("a long way");
  const another = randomBytes(32).toString("hex");
  letIn(another);
  // Streams that are open stay; the next call is refused.
  await person.ask("one more", { Steps: "4" });
  await dialogOf(person).getByText("The key that you gave was not accepted.").waitFor();
  await person.page.keyboard.press("Escape");
  await person.page.getByRole("alert").getByText("This server asks for a key.").waitFor();
  await person.button("Give one").click();
  await giveKey(person, another);
  await person.waitForPictures("one more", 1);
  await person.card("a long way").getByRole("button", { name: "Cancel" }).click();
  await person.card("a long way").getByText("Cancelled", { exact: true }).waitFor();
});

test("a key that may not read is told so once, and asked with again when a person wants it", async () => {
  letIn(key);
  const person = await here.visit();
  await giveKey(person, key);
  await person.ask("unseen", LONG);
  await person.waitForSteps("unseen");
  const statusOfReading = async () =>
    (await fetch(`${here.service.url}latentd/v1/jobs`, { headers: { authorization: `Bearer ${key}` } })).status;
  let calls = 0;
  person.page.on("request", (request) => (calls += Number(/WatchJobs|GetStats/.test(request.url()))));
  letIn(key, "generate");
  await expect.poll(statusOfReading).toBe(403);
  await person.page.reload();
  const banner = person.page.getByRole("alert").filter({ hasText: "The server does not say how your jobs get on" });
  await banner.getByText(/read/).waitFor();
  expect(calls).toBe(1);
  letIn(key);
  await expect.poll(statusOfReading).toBe(200);
  await banner.getByRole("button", { name: "Ask again" }).click();
  await person.waitForSteps("unseen");
  expect(await banner.count()).toBe(0);
  await person.card("unseen").getByRole("button", { name: "Cancel" }).click();
  await person.card("unseen").getByText("Cancelled", { exact: true }).waitFor();
});
