import { beforeEach, describe, expect, it, vi } from "vitest";
import { memoryStorage } from "@/lib/testing";

const who = { value: 5 };
vi.mock("@/lib/session", () => ({ myId: who }));
const { forget, keep, leftIn, waitingIn } = await import("./outbox");
const out = (id: string, at: number, failed: null | { code: string; message: string; retry: "never" } = null) =>
  ({ id, text: id, note: false, at, failed });
const NOW = 10_000_000;

beforeEach(() => {
  memoryStorage();
  who.value = 5;
});

describe("what is not stored yet", () => {
  it("is there again after a reload, in order, until it is stored", () => {
    keep(7, out("b", NOW - 1));
    keep(7, out("a", NOW - 2));
    keep(8, out("c", NOW));
    expect(leftIn(7, NOW).map((each) => each.id)).toEqual(["a", "b"]);
    expect(waitingIn(NOW)).toEqual([7, 8]);
    forget("a");
    forget("c");
    expect(leftIn(7, NOW).map((each) => each.id)).toEqual(["b"]);
    expect(waitingIn(NOW)).toEqual([7]);
  });

  it("is not sent by itself when it is old or was refused", () => {
    keep(7, out("old", NOW - 11 * 60_000));
    keep(8, out("refused", NOW, { code: "not_holder", message: "no", retry: "never" }));
    expect(waitingIn(NOW)).toEqual([]);
    expect(leftIn(7, NOW)).toHaveLength(1);
    expect(leftIn(7, NOW + 25 * 3_600_000)).toEqual([]);
  });

  it("is nobody else's", () => {
    keep(7, out("a", NOW));
    who.value = 6;
    expect(leftIn(7, NOW)).toEqual([]);
  });
});
