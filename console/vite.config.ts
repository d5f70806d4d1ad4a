import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("."),
  base: "/console/",
  plugins: [vue()],
  // edge.py knows the worker by this name: it has a policy of its own.
  worker: { format: "es", rolldownOptions: { output: { entryFileNames: "assets/[name]-[hash].js" } } },
  resolve: { alias: { "@widget": here("../widget/src"), "@": here("src") } },
  build: {
    target: "es2022",
    outDir: here("../src/zhike/web/console"),
    emptyOutDir: true,
    // The library is one file that changes rarely; our pages are loaded when they are opened.
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: {
      "/api": { target: process.env["ZHIKE_URL"] ?? "http://127.0.0.1:8080", changeOrigin: false },
      "/ws": { target: process.env["ZHIKE_URL"] ?? "http://127.0.0.1:8080", ws: true },
    },
  },
});
