/** The names of the lists, and how many are in each. */

import { ref } from "vue";
import { api } from "@/api";
import { ApiError } from "@/api/client";
import type { Counts } from "@/api/types";
import { t, type Key } from "@/i18n";
import { kept } from "@/lib/kept";
import { tags, teamName } from "@/lib/people";
import { complain } from "@/lib/toasts";
import { everyRow, whenChanged } from "@/live/list";
import { whenOnline } from "@/live/socket";
import { VIEWS, looker, viewOf, type FixedView, type ViewName } from "@/live/views";

export const view = kept<ViewName>("filter", "needs");
/** Of the server: the lists here hold only what was loaded. */
export const counts = ref<Counts | null>(null);

const WORDS: Record<FixedView, Key> = {
  needs: "desk.filter.needs", mine: "desk.filter.mine", unassigned: "desk.filter.unassigned", mentioned: "desk.filter.mentioned",
  snoozed: "desk.filter.snoozed", bot: "desk.filter.bot", all: "desk.filter.all",
};

export function viewWords(name: ViewName): string {
  const [kind, id] = name.split(":");
  if (kind === "team") return teamName(Number(id)) || t("desk.team");
  if (kind === "tag") return tags.value.find((tag) => tag.id === Number(id))?.name ?? t("desk.tag");
  return t(WORDS[name as FixedView]);
}

export function countOf(name: ViewName): number {
  const all = counts.value;
  if (name.startsWith("team:")) return all?.by_team[name.slice(5)] ?? 0;
  if (name === "all") return all?.all_open ?? 0;
  if (name === "needs" || name.startsWith("tag:")) return 0;
  const field = name as Exclude<FixedView, "needs" | "all">;
  if (all) return all[field];
  let here = 0;
  const { fits } = viewOf(field);
  for (const c of everyRow()) if (fits(c, looker.value)) here++;
  return here;
}

/** A list that is gone (a team was deleted, another browser's filter) gives way to the first. */
export function settleView(): void {
  const [kind] = view.value.split(":");
  if (kind !== "team" && kind !== "tag" && !VIEWS.includes(view.value as FixedView)) view.value = "needs";
}

/** Changes come in bursts; counting is one query. */
const COUNT_MS = 1_500;
let timer: ReturnType<typeof setTimeout> | undefined;

async function count(): Promise<void> {
  timer = undefined;
  try {
    counts.value = await api.counts();
  } catch (error) {
    if (!(error instanceof ApiError && [0, 404, 422].includes(error.status))) complain(error);
  }
}

export function countSoon(): void {
  timer ??= setTimeout(() => void count(), COUNT_MS);
}

let running = false;

export function startCounts(): void {
  if (running) return;
  running = true;
  settleView();
  whenOnline(() => void count());
  // Only what moves from list to list changes a count.
  whenChanged((before, now) => {
    if (!before || before.holder !== now.holder || before.status !== now.status || before.agent_id !== now.agent_id
        || before.team_id !== now.team_id || before.mentioned !== now.mentioned) countSoon();
  });
}
