import { describe, expect, it } from "vitest";
import { replaced, tokenAt } from "./caret";

const at = (text: string): ReturnType<typeof tokenAt> => tokenAt(text, text.length);

describe("what is typed at the caret", () => {
  it("is a shortcut only at the start of a line", () => {
    expect(at("/re")).toEqual({ kind: "/", words: "re", from: 0, to: 3 });
    expect(at("Hello\n/退")).toEqual({ kind: "/", words: "退", from: 6, to: 8 });
    expect(at("/")).toEqual({ kind: "/", words: "", from: 0, to: 1 });
    for (const text of ["and/or", "1/2", "https://", "/re turn", "see /re"]) expect(at(text), text).toBeNull();
  });

  it("is a mention at the start of a word, in either language", () => {
    expect(at("ask @an")).toMatchObject({ kind: "@", words: "an", from: 4 });
    expect(at("请看，@林")).toMatchObject({ kind: "@", words: "林", from: 3 });
    expect(at("lin@shop.example")).toBeNull();
  });

  it("looks at what stands before the caret, and replaces only that", () => {
    const token = tokenAt("/re after", 3);
    expect(token).toEqual({ kind: "/", words: "re", from: 0, to: 3 });
    expect(replaced("/re after", token!, "Returns are free")).toEqual({ text: "Returns are free after", caret: 16 });
  });
});
