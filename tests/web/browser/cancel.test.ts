// Taking back what was asked for, whatever the network does.

import { expect, test } from "vitest";

import { LONG, type Person } from "./page.ts";
import { refuse } from "./refusals.ts";
import { stage } from "./setup.ts";

const here = stage();

const cancel = (person: Person, title: string) => person.card(title).getByRole("button", { name: "Cancel" }).click();
const statesOf = async (prompt: string) => (await here.service.jobsOf(prompt)).map((job) => job.state);

test("a cancel that did not arrive before a reload is sent again", async () => {
  const person = await here.arrive();
  await person.ask("a long way", LONG);
  await person.waitForSteps("a long way");
  let away = true;
  await person.page.route("**/CancelJob", (route) => (away ? route.abort() : route.continue()));
  await cancel(person, "a long way");
  await person.card("a long way").getByText("Being cancelled …").waitFor();
  await person.reload();
  await person.page.getByRole("alert").getByText("The service cannot be reached.").waitFor();
  away = false;
  await person.card("a long way").getByText("Cancelled", { exact: true }).waitFor();
  expect(await statesOf("a long way")).toEqual(["STATE_CANCELLED"]);
});

test("what the server had no room for is withdrawn at once, and others are not held up by it", async () => {
  const person = await here.arrive();
  await person.ask("has room", LONG);
  await person.waitForSteps("has room");
  let tries = 0;
  await person.page.route("**/CreateJob", (route) => {
    ++tries;
    return refuse(route, "come back in two minutes", 120);
  });
  await person.ask("has none", { Steps: "4" });
  const banner = person.page.getByRole("alert").getByText("come back in two minutes");
  await banner.waitFor();
  await cancel(person, "has room");
  await person.card("has room").getByText("Cancelled", { exact: true }).waitFor();
  await cancel(person, "has none");
  await person.card("has none").getByText("Cancelled", { exact: true }).waitFor();
  await expect.poll(() => banner.count()).toBe(0);
  await person.page.unroute("**/CreateJob");

  // It stays withdrawn.
  await person.reload();
  await person.ask("another", { Steps: "4" });
  await person.waitForPictures("another", 1);
  await person.card("has none").getByText("Cancelled", { exact: true }).waitFor();
  expect(tries).toBe(1);
  expect(await statesOf("has none")).toEqual([]);
});

test("what may have arrived is cancelled once the server tells its name", async () => {
  const person = await here.arrive();
  // The server takes it, but its answers do not arrive.
  await person.page.route("**/CreateJob", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await person.ask("arrived", LONG);
  await person.page.getByRole("alert").getByText("The service cannot be reached.").waitFor();
  await cancel(person, "arrived");
  await person.card("arrived").getByText("Being cancelled …").waitFor();
  expect(await statesOf("arrived")).not.toContain("STATE_CANCELLED");
  await person.page.unroute("**/CreateJob");
  await person.card("arrived").getByText("Cancelled", { exact: true }).waitFor();
  expect(await statesOf("arrived")).toEqual(["STATE_CANCELLED"]);
});
