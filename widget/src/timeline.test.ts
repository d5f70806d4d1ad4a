import { describe, expect, it } from "vitest";
import { Timeline } from "./timeline";
import type { MessageView } from "./wire";

const m = (seq: number, conversation = 1): MessageView => ({
  conversation, seq, direction: "outgoing", sender: "bot", text: String(seq), at: "2026-01-01T00:00:00Z",
});
const range = (from: number, to: number): MessageView[] =>
  Array.from({ length: to - from + 1 }, (_, i) => m(from + i));

describe("timeline", () => {
  it("reports a gap and closes it", () => {
    const line = new Timeline();
    line.follow(1);
    expect(line.live(m(1))).toBe(true);
    expect(line.live(m(3))).toBe(false);
    expect(line.contiguous).toBe(1);
    expect(line.gap).toBe(true);
    line.resumed([m(2), m(3)], 3, false);
    expect(line.contiguous).toBe(3);
    expect(line.gap).toBe(false);
  });

  it("takes the newest page as its beginning and grows downwards", () => {
    const line = new Timeline();
    line.follow(1);
    line.live(m(101)); // arrived while the page was under way
    line.page(range(51, 100));
    expect([line.oldest, line.contiguous]).toEqual([51, 101]);
    line.page(range(1, 50));
    expect([line.oldest, line.contiguous]).toEqual([1, 101]);
    expect(line.messages.length).toBe(101);
  });

  it("believes a page about numbers that are not for this reader", () => {
    const line = new Timeline();
    line.follow(1);
    line.resumed([m(1), m(2)], 2, false);
    expect(line.live(m(4))).toBe(false); // 3 may be a note, or lost: ask
    line.resumed([m(4)], 4, false);
    expect([line.contiguous, line.gap]).toEqual([4, false]);
    line.resumed([], 6, false); // 5 and 6 are notes
    expect(line.live(m(7))).toBe(true);
    line.resumed([m(8)], 20, true);
    expect(line.contiguous).toBe(8);
  });

  it("holds the same message once however often it comes", () => {
    const line = new Timeline();
    line.follow(1);
    line.resumed(range(1, 5), 5, false);
    line.live(m(5));
    line.page(range(2, 5));
    expect(line.messages.map((each) => each.seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it("starts at nothing for another conversation", () => {
    const line = new Timeline();
    line.follow(1);
    line.resumed(range(1, 5), 5, false);
    expect(line.follow(2)).toBe(true);
    expect([line.oldest, line.contiguous, line.messages.length]).toEqual([0, 0, 0]);
  });
});
