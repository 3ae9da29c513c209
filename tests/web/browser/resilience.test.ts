// Reloads, lost networks, an edge and a server that go and come back, and a server that is full.

import { expect, test } from "vitest";

import { LONG, type Person } from "./page.ts";
import { refuse } from "./refusals.ts";
import { stage } from "./setup.ts";

const here = stage();

// Long enough that what is cut in the middle is cut before the end.
const SOME = { Steps: "300" };

const completed = async () =>
  (await here.service.get("jobs?pageSize=1000")).jobs.filter((job: any) => job.state === "STATE_COMPLETED").length;

const banner = (person: Person, text: string) => person.page.getByRole("alert").getByText(text);

test("a reload finds running jobs again, and misses no picture", async () => {
  const person = await here.arrive();
  await person.ask("a red apple", { ...SOME, Pictures: "2" });
  await person.ask("a short one", { Steps: "30", Pictures: "1" });
  await person.waitForSteps("a red apple");
  await person.page.reload();
  await person.waitForPictures("a red apple", 2);
  await person.waitForPictures("a short one", 1);
});

test("what was finished while the page was closed is there when it is opened again", async () => {
  const person = await here.arrive();
  const before = await completed();
  await person.ask("a heart", { Steps: "30", Pictures: "2" });
  await person.card("a heart").getByText(/made/).waitFor();
  await person.page.goto("about:blank");
  await expect.poll(completed).toBe(before + 1);
  await person.page.goto(person.url);
  await person.waitForPictures("a heart", 2);
});

test("a request that was not answered before a reload is made once", async () => {
  const person = await here.arrive();
  await person.reloadBeforeTheAnswer();
  await person.ask("only once", { Steps: "4" });
  await person.waitForPictures("only once", 1);
  expect((await here.service.jobsOf("only once")).length).toBe(1);
});

test("a lost network is said, and the jobs go on when it is back", async () => {
  const person = await here.arrive();
  await person.ask("a fish", { ...SOME, Pictures: "2" });
  await person.waitForSteps("a fish");
  await person.context.setOffline(true);
  await person.ask("written in the tunnel", { Steps: "4", Pictures: "1" });
  await banner(person, "The service cannot be reached.").waitFor();
  await person.context.setOffline(false);
  await person.waitForPictures("a fish", 2);
  await person.waitForPictures("written in the tunnel", 1);
  expect(await person.page.getByRole("alert").count()).toBe(0);
});

test("the edge is killed in the middle: it is said, and all goes on when it is back", async () => {
  const person = await here.arrive();
  await person.ask("a star", { ...SOME, Pictures: "2" });
  await person.waitForSteps("a star");
  await here.service.killEdge();
  await banner(person, "The service cannot be reached.").waitFor();
  await here.service.startEdge();
  await person.waitForPictures("a star", 2);
  expect(await person.page.getByRole("alert").count()).toBe(0);
});

test("the server is restarted with jobs running: they are lost, and can be run again", async () => {
  const person = await here.arrive();
  await person.ask("lost one", LONG);
  await person.ask("lost two", LONG);
  await person.waitForSteps("lost one");
  await here.service.killLatentd();
  await banner(person, "The image server does not answer.").waitFor();
  // What is asked for now is kept until it is back.
  await person.ask("asked meanwhile", { Steps: "4" });
  await here.service.startLatentd();
  const lost = (title: string) => person.card(title).getByText("Lost: the server does not know it any more").waitFor();
  // The page may have tried by itself by now.
  await Promise.race([person.button("Try now").click(), lost("lost one")]);
  for (const title of ["lost one", "lost two"]) await lost(title);
  await person.waitForPictures("asked meanwhile", 1);
  expect(await person.page.getByRole("alert").count()).toBe(0);

  await person.card("lost one").getByRole("button", { name: "Run again" }).click();
  await person.waitForSteps("lost one");
  const { jobs } = await here.service.get("jobs?states=STATE_RUNNING");
  expect(jobs.map((job: any) => [job.spec.prompt, job.spec.steps])).toEqual([["lost one", 1000]]);
  await person.card("lost one").getByRole("button", { name: "Cancel" }).click();
  await person.card("lost one").getByText("Cancelled", { exact: true }).waitFor();
});

test("a server that is full is waited for", async () => {
  const person = await here.arrive();
  let refusals = 2;
  await person.page.route("**/CreateJob", async (route) => {
    if (refusals-- <= 0) return route.continue();
    await refuse(route, "1000 jobs wait already", 1);
  });
  await person.ask("patience", { Steps: "4" });
  await banner(person, "1000 jobs wait already").waitFor();
  await person.waitForPictures("patience", 1);
});
