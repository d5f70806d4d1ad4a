/** Usage by day and by model, from the rows of the API (day × bot × model). */

import type { UsageRow } from "@/api/settingsTypes";

export interface Sum {
  name: string;
  requests: number;
  read: number;
  written: number;
  cost: number;
}

function add(sums: Map<string, Sum>, name: string, row: UsageRow): void {
  const sum = sums.get(name) ?? { name, requests: 0, read: 0, written: 0, cost: 0 };
  sum.requests += row.requests;
  sum.read += row.prompt_tokens;
  sum.written += row.completion_tokens;
  sum.cost += row.cost;
  sums.set(name, sum);
}

/** The most expensive first; where nothing costs, the one with the most tokens. */
export function byModel(rows: UsageRow[]): Sum[] {
  const sums = new Map<string, Sum>();
  for (const row of rows) add(sums, row.model, row);
  return [...sums.values()].sort((a, b) => b.cost - a.cost || b.read + b.written - a.read - a.written);
}

/** Every day from the first to the last asked for (UTC), also those without a request. */
export function byDay(rows: UsageRow[], since: string, until: string): Sum[] {
  const sums = new Map<string, Sum>();
  for (const row of rows) add(sums, row.day, row);
  const days: Sum[] = [];
  for (let at = Date.parse(since); at <= Date.parse(until); at += 86_400_000) {
    const day = new Date(at).toISOString().slice(0, 10);
    days.push(sums.get(day) ?? { name: day, requests: 0, read: 0, written: 0, cost: 0 });
  }
  return days;
}

/** The first day of the last `days` days, today (UTC) included. */
export function sinceOf(days: number, now: number): { since: string; until: string } {
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  return { since: day(now - (days - 1) * 86_400_000), until: day(now) };
}
