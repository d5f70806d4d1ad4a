/** Conversations chosen in the list by their boxes, one by one or from here to there. */

import { computed, reactive } from "vue";

export const chosen = reactive(new Set<number>());
export const choosing = computed(() => chosen.size > 0);
let anchor = 0;

/** `range`: everything between the last one chosen and this one, as the list stands. */
export function toggle(id: number, order: readonly number[], range = false): void {
  const on = !chosen.has(id);
  const from = order.indexOf(anchor);
  const to = order.indexOf(id);
  const ids = range && from >= 0 && to >= 0 ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
  for (const each of ids) {
    if (on || range) chosen.add(each);
    else chosen.delete(each);
  }
  anchor = id;
}

/** What left the list is not acted on any more. */
export function keepOnly(order: readonly number[]): void {
  if (!chosen.size) return;
  const there = new Set(order);
  for (const id of chosen) if (!there.has(id)) chosen.delete(id);
}

export function clearChosen(): void {
  chosen.clear();
  anchor = 0;
}
