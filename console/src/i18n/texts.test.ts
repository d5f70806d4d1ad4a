import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { en } from "./en";
import { zh } from "./zh";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(ts|vue)$/.test(name) && !name.includes(".test.") && !name.startsWith("i18n"))
  .map((name) => ({ name, text: readFileSync(root + name, "utf8") }));
const all = sources.map((source) => source.text).join("\n");
const keys = Object.keys(en) as (keyof typeof en)[];

describe("texts of the console", () => {
  it("are the same set in both languages, with the same places", () => {
    expect(Object.keys(zh).sort()).toEqual([...keys].sort());
    const places = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
    for (const key of keys) expect(places(zh[key]), key).toEqual(places(en[key]));
  });

  it("are each used somewhere", () => {
    expect(keys.filter((key) => !all.includes(`"${key}"`) && !all.includes(`'${key}'`))).toEqual([]);
  });

  it("stand nowhere else: no Chinese and no bare English words in the pages", () => {
    for (const { name, text } of sources) {
      const visible = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").replace(/lang="zh-CN"[^>]*>中文</, "");
      expect(visible.match(/[\u4e00-\u9fff]+/g), name).toBeNull();
      const template = name.endsWith(".vue") ? (/<template>([\s\S]*)<\/template>/.exec(text)?.[1] ?? "") : "";
      const bare = template.replace(/\{\{[\s\S]*?\}\}/g, "").match(/>[^<>{}]*[A-Za-z]{3,}[^<>{}]*</g) ?? [];
      const meant = /English|zhike admin link|Ctrl|Enter|Esc|=>|&&|\|\|/;
      expect(bare.filter((words) => !meant.test(words)), name).toEqual([]);
    }
  });
});
