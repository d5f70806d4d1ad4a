import { beforeEach, describe, expect, it, vi } from "vitest";
import { memoryStorage } from "@/lib/testing";

const who = { value: 5 };
vi.mock("@/lib/session", () => ({ myId: who }));
const { draftOf, keepDraft } = await import("./drafts");

const DAY = 24 * 3_600_000;

beforeEach(() => memoryStorage());

describe("drafts", () => {
  it("are kept per conversation and kind, and gone once empty", () => {
    keepDraft(7, "reply", "hello");
    keepDraft(7, "note", "ask Ann");
    keepDraft(8, "reply", "other");
    expect([draftOf(7, "reply"), draftOf(7, "note"), draftOf(8, "reply"), draftOf(9, "reply")]).toEqual(["hello", "ask Ann", "other", ""]);
    keepDraft(7, "reply", "  ");
    expect([draftOf(7, "reply"), draftOf(7, "note")]).toEqual(["", "ask Ann"]);
  });

  it("go after a month, and the oldest when there are too many", () => {
    keepDraft(1, "reply", "old", 0);
    keepDraft(2, "reply", "new", 31 * DAY);
    expect([draftOf(1, "reply"), draftOf(2, "reply")]).toEqual(["", "new"]);
    for (let i = 0; i < 250; i++) keepDraft(100 + i, "reply", "x", 31 * DAY + i);
    expect(draftOf(2, "reply")).toBe("");
    expect(draftOf(349, "reply")).toBe("x");
  });

  it("belong to one person", () => {
    keepDraft(1, "reply", "mine");
    who.value = 6;
    expect(draftOf(1, "reply")).toBe("");
    who.value = 5;
  });

  it("survive what something else wrote there", () => {
    localStorage.setItem("zhike:drafts:5", "null");
    expect(draftOf(1, "reply")).toBe("");
    localStorage.setItem("zhike:drafts:5", "{broken");
    keepDraft(1, "reply", "a");
    expect(draftOf(1, "reply")).toBe("a");
  });
});
