/** All pages of a list that is known to be short: templates, tools, teams. */

import type { Page } from "@/api/types";

/** No shop has more of these than people can write; a server that never ends its list is stopped. */
const MOST_PAGES = 50;

export async function every<T>(page: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  for (let n = 0; n < MOST_PAGES; n++) {
    const now: Page<T> = await page(cursor);
    found.push(...now.items);
    cursor = now.next;
    if (cursor === null) break;
  }
  return found;
}
