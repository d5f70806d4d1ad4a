import { describe, expect, it } from "vitest";
import { ranked } from "./match";

const all = ["Take over", "Resolve", "Return to bot", "Snooze", "转接给同事", "转人工"];
const found = (words: string): string[] => ranked(all, words, (each) => each);

describe("the palette's matching", () => {
  it("puts what begins so first, then words, then letters in order", () => {
    expect(found("re")).toEqual(["Resolve", "Return to bot"]);
    expect(found("bot")[0]).toBe("Return to bot");
    expect(found("rtb")).toEqual(["Return to bot"]);
    expect(found("转")).toEqual(["转接给同事", "转人工"]);
    expect(found("")).toEqual(all);
    expect(found("zzz")).toEqual([]);
  });
});
