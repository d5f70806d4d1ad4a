/** One list, kept in order change by change: thousands of rows are walked once, when somebody begins to
 * look, and not again for each of fifty changes a second. */

/** Negative: `a` stands first. Never 0 for two rows of different conversations. */
export type Compare<Row> = (a: Row, b: Row) => number;

export class Ordered<Row> {
  private rows: Row[];

  constructor(all: Iterable<Row>, private readonly fits: (row: Row) => boolean, private readonly compare: Compare<Row>) {
    this.rows = [];
    for (const row of all) if (fits(row)) this.rows.push(row);
    this.rows.sort(compare);
  }

  /** As it stands; changes with the next {@link change}. */
  get all(): readonly Row[] {
    return this.rows;
  }

  /** `before` is the very row that stood for it until now; no `now`, and it is gone. */
  change(before: Row | undefined, now: Row | undefined): void {
    if (before !== undefined && this.fits(before)) {
      const at = this.place(before);
      if (this.rows[at] === before) this.rows.splice(at, 1);
    }
    if (now !== undefined && this.fits(now)) this.rows.splice(this.place(now), 0, now);
  }

  /** Where it stands, or would stand. */
  private place(row: Row): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(this.rows[middle] as Row, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
