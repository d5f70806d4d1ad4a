import { describe, expect, it } from "vitest";
import { Ordered } from "./order";

interface Row { id: number; at: number; shown: boolean }
const compare = (a: Row, b: Row): number => b.at - a.at || b.id - a.id;
const fits = (row: Row): boolean => row.shown;

/** The same numbers in every run. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

describe("a list kept in order change by change", () => {
  it.each([1, 2, 3, 4, 5])("is what sorting everything anew would give (seed %i)", (seed) => {
    const throwDice = dice(seed);
    const known = new Map<number, Row>();
    // Few different times: rows that compare equal but for their number are the hard ones.
    const row = (id: number): Row => ({ id, at: throwDice(6), shown: throwDice(4) > 0 });
    for (let id = 1; id <= 20; id++) known.set(id, row(id));
    const ordered = new Ordered(known.values(), fits, compare);
    for (let i = 0; i < 300; i++) {
      const now = row(1 + throwDice(30));
      ordered.change(known.get(now.id), now);
      known.set(now.id, now);
      expect(ordered.all).toEqual([...known.values()].filter(fits).sort(compare));
    }
  });
});
