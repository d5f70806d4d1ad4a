import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/* The service worker: one file that imports nothing, under one name for good, in the folder that it is to reach. */
export default defineConfig({
  root: here("."),
  publicDir: false,
  resolve: { alias: { "@": here("src") } },
  build: {
    target: "es2022",
    outDir: here("../src/zhike/web/console"),
    emptyOutDir: false,
    lib: { entry: here("src/sw.ts"), formats: ["iife"], name: "zhikeWorker", fileName: () => "sw.js" },
  },
});
