import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** A visitor's phone on a bad line pays for every byte: above this the build fails. */
const LIMIT_GZIP_BYTES = 20 * 1024;

function sizeLimit(): Plugin {
  return {
    name: "size-limit",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        const body = file.type === "chunk" ? file.code : file.source;
        const bytes = gzipSync(body, { level: 9 }).length;
        if (bytes > LIMIT_GZIP_BYTES) {
          this.error(`${file.fileName} is ${bytes} bytes gzipped, above ${LIMIT_GZIP_BYTES}`);
        }
      }
    },
  };
}

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [sizeLimit()],
  build: {
    target: "es2021",
    outDir: fileURLToPath(new URL("../src/zhike/web/widget", import.meta.url)),
    emptyOutDir: true,
    reportCompressedSize: true,
    lib: {
      entry: fileURLToPath(new URL("src/main.ts", import.meta.url)),
      formats: ["iife"],
      name: "ZhikeWidget",
      fileName: () => "widget.js",
    },
  },
});
