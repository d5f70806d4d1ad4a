import { describe, expect, it } from "vitest";
import { readJson, spanOf } from "./jsontext";

const TEXT = `{
  "title": "A",
  "steps": [
    {"ask": "phone", "prompt": {"zh": "", "en": "Your number?"}},
    {"sya": "x"}
  ]
}`;
const at = (path: string): string | null => {
  const span = spanOf(TEXT, path);
  return span && TEXT.slice(span.from, span.to);
};

describe("JSON as people write it", () => {
  it("reads what JSON.parse reads, and to the same value", () => {
    for (const text of [TEXT, "[]", "{}", " [1, -2.5e3, true, null, \"a\\n\\u4e00\"] ", "\"x\"", '{"__proto__": 1}']) {
      expect(JSON.stringify(readJson(text).node?.value)).toBe(JSON.stringify(JSON.parse(text)));
    }
  });

  it("says where it breaks", () => {
    const lines = (text: string): number | undefined => readJson(text).fault?.line;
    expect(lines('{\n  "a": 1,\n}')).toBe(3);
    expect(lines('{\n  "a" 1\n}')).toBe(2);
    expect(lines("[1, 2")).toBe(1);
    expect(lines("{'a': 1}")).toBe(1);
    expect(lines("")).toBe(1);
    expect(lines("01")).toBe(1);
    expect(lines(TEXT)).toBeUndefined();
  });

  it("finds a path in the text, or as much of it as there is", () => {
    expect(at("title")).toBe('"title": "A"');
    expect(at("steps[0].prompt.en")).toBe('"en": "Your number?"');
    expect(at("steps[1]")).toBe('{"sya": "x"}');
    expect(at("steps[1].sya")).toBe('"sya": "x"');
    expect(at("steps[1].nothing.at.all")).toBe('{"sya": "x"}');
    expect(at("steps[9]")).toContain('"ask"');
    expect(at("other")).toBeNull();
    expect(spanOf("{", "a")).toBeNull();
  });
});
