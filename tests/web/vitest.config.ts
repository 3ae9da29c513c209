import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

// The page's own copies: messages and errors of two copies are not the same.
const page = fileURLToPath(new URL("../../client/web/src/main.tsx", import.meta.url));
const packagesOfThePage = {
  name: "packages-of-the-page",
  enforce: "pre" as const,
  resolveId(this: { resolve(source: string, importer: string, options: object): Promise<{ id: string } | null> }, source: string) {
    return /^@(bufbuild|connectrpc)\//.test(source) ? this.resolve(source, page, { skipSelf: true }) : null;
  },
};
const plugins = [packagesOfThePage];

// The machine may be busy.
const patience = { testTimeout: 300_000, hookTimeout: 120_000, expect: { poll: { timeout: 90_000 } } };

export default defineConfig({
  test: {
    projects: [
      { plugins, test: { name: "unit", include: ["unit/**/*.test.ts"] } },
      {
        test: {
          name: "browser",
          include: ["browser/**/*.test.ts"],
          // Two cores hold one server and one browser at a time.
          fileParallelism: false,
          ...patience,
        },
      },
      { plugins, test: { name: "bench", include: ["bench/**/*.test.ts"], fileParallelism: false, ...patience } },
    ],
  },
});
