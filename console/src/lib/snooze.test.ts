import { describe, expect, it } from "vitest";
import { snoozeChoices } from "./snooze";

const names = (now: Date): string[] => snoozeChoices(now).map((choice) => choice.name);

describe("snooze choices", () => {
  it("are all in the future, in order of meaning", () => {
    const now = new Date(2026, 10, 26, 10, 30); // a Thursday
    const choices = snoozeChoices(now);
    expect(names(now)).toEqual(["hour", "threeHours", "evening", "tomorrow", "monday"]);
    expect(choices[3]?.at).toEqual(new Date(2026, 10, 27, 9));
    expect(choices[4]?.at).toEqual(new Date(2026, 10, 30, 9));
  });

  it("leave out an evening that has begun, and a Monday that is tomorrow", () => {
    expect(names(new Date(2026, 10, 26, 17, 45))).not.toContain("evening");
    expect(names(new Date(2026, 10, 29, 20, 0))).toEqual(["hour", "threeHours", "tomorrow"]);
    expect(snoozeChoices(new Date(2026, 10, 30, 8, 0)).at(-1)?.at).toEqual(new Date(2026, 11, 7, 9));
  });
});
