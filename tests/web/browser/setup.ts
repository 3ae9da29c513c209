// What most files share: one service and one browser, and a new person for each test.

import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";

import { launch, Person } from "./page.ts";
import { Service, type ServiceOptions } from "./processes.ts";

export interface Stage {
  service: Service;
  browser: Browser;
  // A person at a page of their own, with nothing from before.
  visit(options?: BrowserContextOptions): Promise<Person>;
  // The same, once the page is ready to be asked for pictures.
  arrive(options?: BrowserContextOptions): Promise<Person>;
}

export function stage(options: ServiceOptions = {}): Stage {
  const people: Person[] = [];
  const made = {
    async visit(contextOptions: BrowserContextOptions = {}) {
      const person = await Person.open(made.browser, made.service.url, contextOptions);
      people.push(person);
      return person;
    },
    async arrive(contextOptions: BrowserContextOptions = {}) {
      const person = await made.visit(contextOptions);
      await person.page.getByRole("form", { name: "New picture" }).waitFor();
      return person;
    },
  } as Stage;
  beforeAll(async () => {
    [made.service, made.browser] = await Promise.all([Service.start(options), launch()]);
  });
  afterEach(async () => {
    for (const person of people.splice(0)) await person.leave();
  });
  afterAll(async () => {
    await made.browser?.close();
    await made.service?.stop();
  });
  return made;
}
