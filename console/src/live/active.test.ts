import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

vi.mock("./socket", () => ({ connection: { send: () => true }, whenOnline: () => () => undefined }));
const { Activity } = await import("./active");
const MINUTE = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("whether somebody sits here", () => {
  it("is told when it changes, and only then", () => {
    const told: boolean[] = [];
    const activity = new Activity((on) => told.push(on));
    vi.advanceTimersByTime(4 * MINUTE);
    activity.sign();
    vi.advanceTimersByTime(4 * MINUTE);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(MINUTE);
    expect(told).toEqual([false]);
    activity.sign();
    activity.sign();
    expect(told).toEqual([false, true]);
  });
});
