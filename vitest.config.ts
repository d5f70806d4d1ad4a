import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: { alias: { "@widget": here("widget/src"), "@": here("console/src") } },
  test: { include: ["widget/src/**/*.test.ts", "console/src/**/*.test.ts"] },
});
