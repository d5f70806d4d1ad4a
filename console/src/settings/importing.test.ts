import { describe, expect, it, vi } from "vitest";
import type { FoundArticle } from "@/api/settingsTypes";
import { bring, PART, type Outcome } from "./importing";

const articles = (n: number): FoundArticle[] => Array.from({ length: n }, (_, i) => ({ key: `k${i}`, lang: "en", question: "q", answer: "a" }));

describe("an import", () => {
  it("goes in parts, each article once and in order, and tells how far it is", async () => {
    const sent: string[] = [];
    const told: number[] = [];
    const outcome = await bring(articles(2 * PART + 1), async (part) => {
      sent.push(...part.map((one) => one.key));
      return { added: part.length - 1, changed: 1, same: 0 };
    }, (now) => told.push(now.done), () => false);
    expect(sent).toEqual(articles(2 * PART + 1).map((one) => one.key));
    expect(told).toEqual([PART, 2 * PART, 2 * PART + 1]);
    expect(outcome).toEqual({ added: 2 * PART - 2, changed: 3, same: 0, done: 2 * PART + 1, stopped: false });
  });

  it("stops between two parts and says what is stored by then", async () => {
    let last: Outcome | null = null;
    const outcome = await bring(articles(3 * PART), async (part) => ({ added: part.length, changed: 0, same: 0 }), (now) => { last = now; }, () => last !== null);
    expect(outcome).toMatchObject({ added: PART, done: PART, stopped: true });
  });

  it("ends at the first part that is refused, with what was told before it", async () => {
    const told = vi.fn();
    const store = vi.fn().mockResolvedValueOnce({ added: PART, changed: 0, same: 0 }).mockRejectedValueOnce(new Error("no"));
    await expect(bring(articles(2 * PART), store, told, () => false)).rejects.toThrow("no");
    expect(told).toHaveBeenCalledTimes(1);
  });
});
