import { beforeEach, describe, expect, it } from "vitest";
import { chosen, clearChosen, keepOnly, toggle } from "./selection";

const ORDER = [9, 4, 7, 2, 5];
const now = (): number[] => [...chosen].sort((a, b) => a - b);

beforeEach(clearChosen);

describe("choosing many", () => {
  it("goes one by one, and back", () => {
    toggle(4, ORDER);
    toggle(2, ORDER);
    expect(now()).toEqual([2, 4]);
    toggle(4, ORDER);
    expect(now()).toEqual([2]);
  });

  it("goes from here to there, either way", () => {
    toggle(2, ORDER);
    toggle(9, ORDER, true);
    expect(now()).toEqual([2, 4, 7, 9]);
    clearChosen();
    toggle(5, ORDER, true); // nothing was chosen before: only this one
    expect(now()).toEqual([5]);
  });

  it("forgets what left the list", () => {
    toggle(4, ORDER);
    toggle(7, ORDER);
    keepOnly([7, 2]);
    expect(now()).toEqual([7]);
  });
});
