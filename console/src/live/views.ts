/** The lists an agent looks at: what belongs in each, how it is asked for, what stands first. */

import { computed } from "vue";
import type { Query } from "@/api/client";
import type { Conversation } from "@/api/types";
import { can, me, myId } from "@/lib/session";

export const VIEWS = ["needs", "mine", "unassigned", "mentioned", "snoozed", "bot", "all"] as const;
export type FixedView = (typeof VIEWS)[number];
/** One of those, or the conversations of a team or with a tag. */
export type ViewName = FixedView | `team:${number}` | `tag:${number}`;

/** Who looks, as plain values: thousands of rows are held against it at every change. */
export interface Looker {
  id: number;
  leads: boolean;
  teams: ReadonlySet<number>;
}

export const looker = computed<Looker>(() => ({ id: myId.value, leads: can("supervise"), teams: new Set(me.value?.team_ids) }));

export interface View {
  fits(c: Conversation, who: Looker): boolean;
  queries: Query[];
  /** "waiting": the most urgent, then who waits longest. "updated": the last changed. */
  order: "waiting" | "updated";
  /** Somebody works this list off: all of it is loaded, not only what was scrolled to. */
  whole: boolean;
}

/** A person holds it, and the visitor waits for that person's word. */
export function unanswered(c: Conversation): boolean {
  return c.holder === "agent" && c.waiting_since !== null;
}

const resting = (c: Conversation): boolean => c.status === "snoozed";
const isMine = (c: Conversation, who: Looker): boolean => c.holder === "agent" && c.agent_id === who.id && !resting(c);

/** It waits for anybody, or for a team of mine; who leads looks after every team. */
function waitsForMe(c: Conversation, who: Looker): boolean {
  return c.holder === "queue" && (!c.team_id || who.leads || who.teams.has(c.team_id));
}

export function needsMe(c: Conversation, who: Looker = looker.value): boolean {
  return !resting(c) && (waitsForMe(c, who) || (isMine(c, who) && unanswered(c)));
}

const open = (c: Conversation): boolean => c.status !== "resolved";

const FIXED: Record<FixedView, View> = {
  needs: { fits: needsMe, queries: [{ holder: "queue", status: "open", sort: "priority" }, { mine: true, status: "open" }], order: "waiting", whole: true },
  mine: { fits: isMine, queries: [{ mine: true, status: "open" }], order: "updated", whole: true },
  unassigned: { fits: (c) => c.holder === "queue" && !c.team_id && !resting(c), queries: [{ unassigned: true, status: "open", sort: "priority" }], order: "waiting", whole: true },
  mentioned: { fits: (c) => c.mentioned === true, queries: [{ mentioned: true }], order: "updated", whole: false },
  snoozed: { fits: resting, queries: [{ status: "snoozed" }], order: "updated", whole: false },
  bot: { fits: (c) => c.holder === "bot", queries: [{ holder: "bot" }], order: "updated", whole: false },
  all: { fits: () => true, queries: [{}], order: "updated", whole: false },
};

export function viewOf(name: ViewName): View {
  const [kind, id] = name.split(":");
  if (kind === "team") {
    return { fits: (c) => open(c) && c.team_id === Number(id), queries: [{ team_id: Number(id) }], order: "updated", whole: false };
  }
  if (kind === "tag") {
    return {
      fits: (c) => c.tags?.some((tag) => tag.id === Number(id)) === true, queries: [{ tag_id: Number(id) }], order: "updated", whole: false,
    };
  }
  return FIXED[name as FixedView];
}
