/** Until when a conversation may rest: times people mean, in their own time zone. */

export type SnoozeName = "hour" | "threeHours" | "evening" | "tomorrow" | "monday";
export interface SnoozeChoice {
  name: SnoozeName;
  at: Date;
}

const MORNING_H = 9;
const EVENING_H = 18;
/** A choice that is nearly now helps nobody. */
const LEAST_MS = 30 * 60_000;

function day(from: Date, days: number, hour: number): Date {
  const at = new Date(from);
  at.setDate(at.getDate() + days);
  at.setHours(hour, 0, 0, 0);
  return at;
}

export function snoozeChoices(now: Date): SnoozeChoice[] {
  const hours = (n: number): Date => new Date(now.getTime() + n * 3_600_000);
  const toMonday = (8 - now.getDay()) % 7 || 7;
  const all: SnoozeChoice[] = [
    { name: "hour", at: hours(1) },
    { name: "threeHours", at: hours(3) },
    { name: "evening", at: day(now, 0, EVENING_H) },
    { name: "tomorrow", at: day(now, 1, MORNING_H) },
    { name: "monday", at: day(now, toMonday, MORNING_H) },
  ];
  const seen = new Set<number>();
  return all.filter(({ at }) => {
    const good = at.getTime() - now.getTime() >= LEAST_MS && !seen.has(at.getTime());
    seen.add(at.getTime());
    return good;
  });
}
