import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The decoder of AMR voices, a script of its own: a page loads it when such a voice is played. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  build: {
    target: "es2022",
    outDir: fileURLToPath(new URL("../src/zhike/web/widget", import.meta.url)),
    emptyOutDir: false,
    lib: {
      entry: fileURLToPath(new URL("src/amr.ts", import.meta.url)),
      formats: ["es"],
      fileName: () => "widget-amr.js",
    },
  },
});
