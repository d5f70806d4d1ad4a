import { describe, expect, it } from "vitest";
import type { UsageRow } from "@/api/settingsTypes";
import { byDay, byModel, sinceOf } from "./usage";

const row = (day: string, model: string, requests: number, cost = 0): UsageRow =>
  ({ day, bot_id: 1, model, requests, prompt_tokens: 10 * requests, completion_tokens: requests, cost });

describe("usage", () => {
  it("shows every day, also those without a request, over a month's end", () => {
    const days = byDay([row("2026-03-01", "a", 2), row("2026-03-01", "b", 3)], "2026-02-27", "2026-03-01");
    expect(days.map((day) => [day.name, day.requests])).toEqual([["2026-02-27", 0], ["2026-02-28", 0], ["2026-03-01", 5]]);
  });

  it("adds up by model, the most expensive first, then the busiest", () => {
    const rows = [row("2026-03-01", "free", 9), row("2026-03-01", "dear", 1, 2.5), row("2026-03-02", "busy", 20), row("2026-03-02", "dear", 1, 1)];
    expect(byModel(rows).map((sum) => [sum.name, sum.requests, sum.cost])).toEqual([["dear", 2, 3.5], ["busy", 20, 0], ["free", 9, 0]]);
  });

  it("counts today among the days", () => {
    expect(sinceOf(1, Date.parse("2026-03-01T23:59:00Z"))).toEqual({ since: "2026-03-01", until: "2026-03-01" });
    expect(sinceOf(31, Date.parse("2026-03-31T00:00:00Z")).since).toBe("2026-03-01");
  });
});
