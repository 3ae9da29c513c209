// A person at the page: the browser, and the words that the tests say it in.

import { readFileSync } from "node:fs";

import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";
import { expect } from "vitest";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });

// Enough that a job is still at work when the test looks.
export const LONG = { Steps: "1000" };

export class Person {
  // What the browser complained of; what a test has cut itself is left out.
  readonly complaints: string[] = [];
  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly url: string,
  ) {}

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Person> {
    const context = await browser.newContext({ acceptDownloads: true, ...options });
    context.setDefaultTimeout(90_000);
    const page = await context.newPage();
    const person = new Person(context, page, url);
    page.on("pageerror", (error) => person.complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) person.complaints.push(message.text());
    });
    await page.goto(url);
    return person;
  }

  // To be called at the end of each test.
  async leave(): Promise<void> {
    await this.context.close();
    expect(this.complaints).toEqual([]);
  }

  field(label: string): Locator {
    return this.page.getByRole("form").getByLabel(label, { exact: true });
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", { name });
  }

  // Fills in the form and sends it. Fields by their labels.
  async ask(prompt: string, fields: Record<string, string> = {}): Promise<void> {
    if (prompt !== "") await this.field("Prompt").fill(prompt);
    for (const [label, value] of Object.entries(fields)) await this.field(label).fill(value);
    await this.button(/^Make/).click();
  }

  // Once what was clicked is on disk, which a busy machine takes a moment for: a transaction waits for those before it.
  async reload(): Promise<void> {
    await this.page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const opening = indexedDB.open("latentd");
          opening.onsuccess = () => {
            const transaction = opening.result.transaction("jobs", "readwrite");
            transaction.objectStore("jobs").count();
            transaction.oncomplete = () => resolve();
          };
        }),
    );
    await this.page.reload();
  }

  // The next request is taken by the server, but its answer is lost with the page.
  async reloadBeforeTheAnswer(): Promise<void> {
    let first = true;
    await this.page.route("**/CreateJob", async (route) => {
      if (!first) return route.continue();
      first = false;
      await route.fetch();
      // What is routed no more goes on by itself, and would be answered: so this one stays.
      await this.page.reload();
    });
  }

  card(title: string): Locator {
    return this.page.getByRole("region", { name: "Under way" }).getByRole("listitem", { name: title, exact: true });
  }

  // Of the gallery.
  pictures(title: string): Locator {
    return this.page.getByRole("region", { name: "Gallery" }).getByRole("listitem", { name: title, exact: true });
  }

  async waitForPictures(title: string, count: number): Promise<void> {
    await expect.poll(() => this.pictures(title).count()).toBe(count);
  }

  // Waits until a job has done some of its steps.
  async waitForSteps(title: string): Promise<void> {
    await this.card(title)
      .getByText(/step [1-9]\d* of/)
      .first()
      .waitFor();
  }

  // The files of the gallery's pictures, as the browser has them.
  async download(title: string): Promise<{ name: string; file: Buffer }> {
    const [download] = await Promise.all([
      this.page.waitForEvent("download"),
      this.pictures(title).first().getByRole("link", { name: "Download" }).click(),
    ]);
    return { name: download.suggestedFilename(), file: readFileSync((await download.path())!) };
  }

  // As a person drops a file there.
  async drop(target: Locator, name: string, type: string, file: Buffer): Promise<void> {
    const transfer = await this.page.evaluateHandle(
      ([base64, fileName, mediaType]) => {
        const bytes = Uint8Array.from(atob(base64!), (character) => character.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], fileName!, { type: mediaType! }));
        return data;
      },
      [file.toString("base64"), name, type],
    );
    for (const event of ["dragover", "drop"]) await target.dispatchEvent(event, { dataTransfer: transfer });
  }
}
