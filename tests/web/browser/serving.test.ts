// How the edge serves the page.

import { expect, test } from "vitest";

import { stage } from "./setup.ts";

const here = stage();

test("the page is asked for anew each time, its files are kept for ever", async () => {
  const page = await fetch(here.service.url);
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("cache-control")).toBe("no-cache");
  const files = [...(await page.text()).matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]!);
  expect(files.length).toBeGreaterThanOrEqual(3);
  for (const file of files) {
    const answer = await fetch(new URL(file, here.service.url));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(answer.headers.get("content-type")).toMatch(/^(text\/(css|javascript); charset=utf-8|image\/svg\+xml)$/);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("the licences of what is bundled are there", async () => {
  const answer = await fetch(`${here.service.url}licenses.md`);
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(await answer.text()).toContain("## preact - ");
});

test("other paths are not the page's", async () => {
  for (const path of ["index.html", "assets/", "assets/nothing.js", "assets/../index.html", "..%2f..%2fetc/passwd"]) {
    expect((await fetch(here.service.url + path)).status).toBeGreaterThanOrEqual(400);
  }
});

test("nothing but the page's own files runs on it", async () => {
  const person = await here.arrive();
  const blocked: string[] = [];
  await person.page.exposeFunction("blocked", (what: string) => blocked.push(what));
  await person.page.evaluate(async () => {
    document.addEventListener("securitypolicyviolation", (event) => (globalThis as any).blocked(event.effectiveDirective));
    const inline = document.createElement("script");
    inline.textContent = "document.title = 'taken over'";
    document.body.append(inline);
    const image = document.createElement("img");
    image.src = "http://127.0.0.1:9/elsewhere.png";
    document.body.append(image);
    await fetch("http://127.0.0.1:9/elsewhere").catch(() => {});
  });
  await expect.poll(() => blocked.sort()).toEqual(["connect-src", "img-src", "script-src-elem"]);
  expect(await person.page.title()).toBe("latentd");
  // Those were asked for.
  expect(person.complaints.splice(0).length).toBeGreaterThanOrEqual(3);
});
