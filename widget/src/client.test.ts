import { describe, expect, it, vi } from "vitest";
import { backAt } from "./forms";
import { Timeline } from "./timeline";

describe("a message that was taken back", () => {
  it("keeps its place and loses its text", () => {
    const timeline = new Timeline();
    timeline.follow(1);
    timeline.live({ conversation: 1, seq: 1, direction: "outgoing", sender: "agent", text: "wrong", at: "2026-01-01T00:00:00Z" });
    timeline.recalled(1);
    timeline.recalled(7);
    expect(timeline.messages.map((m) => [m.seq, m.text, m.recalled])).toEqual([[1, "", true]]);
    expect(timeline.contiguous).toBe(1);
  });
});

describe("when people are back", () => {
  it("says the day only when it is another one", () => {
    vi.useFakeTimers({ now: new Date(2026, 10, 26, 8, 0) });
    expect(backAt(new Date(2026, 10, 26, 14, 0).toISOString(), "en")).toBe("14:00");
    const monday = backAt(new Date(2026, 10, 30, 9, 0).toISOString(), "zh");
    expect(monday).toContain("09:00");
    expect(monday).toContain("30");
    vi.useRealTimers();
  });
});
