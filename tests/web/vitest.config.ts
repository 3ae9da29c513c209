import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

// The page's own copy: messages of two copies are not the same.
const protobuf = fileURLToPath(new URL("../../client/web/node_modules/@bufbuild/protobuf/dist/esm/index.js", import.meta.url));
const resolve = { alias: [{ find: /^@bufbuild.protobuf$/, replacement: protobuf }] };

export default defineConfig({
  test: {
    projects: [
      { resolve, test: { name: "unit", include: ["unit/**/*.test.ts"] } },
      {
        test: {
          name: "browser",
          include: ["browser/**/*.test.ts"],
          // Two cores hold one server and one browser at a time.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      { resolve, test: { name: "bench", include: ["bench/**/*.test.ts"], fileParallelism: false, hookTimeout: 120_000 } },
    ],
  },
});
