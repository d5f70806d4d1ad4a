import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { pickLang, translator, words } from "./i18n";
import { pieces, safeUrl } from "./linkify";

const here = fileURLToPath(new URL(".", import.meta.url));
const sources = readdirSync(here)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && name !== "i18n.ts")
  .map((name) => readFileSync(here + name, "utf8"))
  .join("\n");

describe("texts", () => {
  it("has the same keys and places in both languages, and uses each", () => {
    expect(Object.keys(words.zh).sort()).toEqual(Object.keys(words.en).sort());
    for (const [key, english] of Object.entries(words.en)) {
      const places = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();
      expect(places(words.zh[key as keyof typeof words.zh]), key).toEqual(places(english));
      expect(sources.includes(`"${key}"`), `unused: ${key}`).toBe(true);
    }
  });

  it("shows no Chinese text outside the dictionary", () => {
    expect(sources.match(/[\u4e00-\u9fff]/g)).toBeNull();
  });

  it("fills places and picks the language", () => {
    expect(translator("zh")("openUnread", { n: 3 })).toContain("3");
    expect(pickLang("", "zh-Hant", "en")).toBe("zh");
    expect(pickLang(undefined, "fr", "de")).toBe("en");
  });
});

describe("links", () => {
  it("ends before Chinese text and closing marks", () => {
    expect(pieces("见https://a.example/b?c=1。谢谢")).toEqual([
      { text: "见" }, { text: "https://a.example/b?c=1", href: "https://a.example/b?c=1" }, { text: "。谢谢" },
    ]);
    expect(pieces("(https://a.example).")[1]?.text).toBe("https://a.example");
    expect(pieces("mail me@shop.example now")[1]?.href).toBe("mailto:me@shop.example");
    expect(pieces("<b>no</b>")).toEqual([{ text: "<b>no</b>" }]);
  });

  it("opens nothing but web, mail and phone", () => {
    expect(safeUrl("javascript:alert(1)", "https://a.example")).toBe("");
    expect(safeUrl("data:text/html,x", "https://a.example")).toBe("");
    expect(safeUrl("/return", "https://a.example/x")).toBe("https://a.example/return");
    expect(safeUrl("tel:10086", "https://a.example")).toBe("tel:10086");
  });
});
