// Many jobs at once, over plain HTTP, where a browser has six connections.

import { expect, test } from "vitest";

import { LONG } from "./page.ts";
import { stage } from "./setup.ts";

const here = stage();

test("twelve jobs at once share one stream, and cancelling still works", async () => {
  const person = await here.arrive();
  let streams = 0;
  let mostStreams = 0;
  const watches = (url: string) => url.endsWith("/WatchJobs");
  person.page.on("request", (request) => {
    if (watches(request.url())) mostStreams = Math.max(mostStreams, ++streams);
  });
  for (const end of ["requestfinished", "requestfailed"] as const) {
    person.page.on(end as "requestfailed", (request) => {
      if (watches(request.url())) --streams;
    });
  }
  const titles = Array.from({ length: 12 }, (_, i) => `picture ${i}`);
  await person.field("Steps").fill("60");
  for (const title of titles.slice(0, 11)) await person.ask(title);
  await person.ask("picture 11", LONG);
  await person.card("picture 11").getByText(/queue|made/).first().waitFor();
  await person.card("picture 11").getByRole("button", { name: "Cancel" }).click();
  await person.card("picture 11").getByText("Cancelled", { exact: true }).waitFor();
  for (const title of titles.slice(0, 11)) await person.waitForPictures(title, 1);
  // Between the end of one and the start of the next both may be seen.
  expect(mostStreams).toBeLessThanOrEqual(2);
  const { jobs } = await here.service.get("jobs");
  expect(jobs.filter((job: any) => job.state === "STATE_COMPLETED").length).toBe(11);
  expect(jobs.find((job: any) => job.spec.prompt === "picture 11").state).toBe("STATE_CANCELLED");
});
