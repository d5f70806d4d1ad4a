/** Which question about conversations is open: keys, buttons, the palette and many at once ask the same. */

import { shallowRef } from "vue";

export type Question = "assign" | "snooze" | "resolve" | "tags" | "priority" | "handover" | "merge";
export const asking = shallowRef<{ what: Question; ids: number[] } | null>(null);

export function ask(what: Question, ids: number[]): void {
  if (ids.length || what === "handover") asking.value = { what, ids };
}
