import { defineConfig } from "vite";

// Nothing inline: the edge's Content-Security-Policy allows files of the page only.
export default defineConfig({
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, license: { fileName: "licenses.md" } },
  worker: { format: "es" },
});
