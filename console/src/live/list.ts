/** The conversations this console knows, kept up to date by events, in filtered lists.
 *
 * A list shows what matches its filter down to its `floor`: the place where the last loaded page
 * ended. Below it there may be holes, because another list loaded some of them. */

import type { ConversationEvent } from "@widget/wire";
import { computed, reactive, ref, shallowReactive } from "vue";
import { api } from "@/api";
import type { Query } from "@/api/client";
import type { Conversation } from "@/api/types";
import { myId } from "@/lib/session";
import { listen, whenOnline } from "./socket";

export type FilterName = "needs" | "bot" | "mine" | "all";
export const FILTERS: FilterName[] = ["needs", "bot", "mine", "all"];

const PAGE = 100;
/** Changes of one conversation within this time are fetched once. */
const REFETCH_MS = 250;

interface ListState {
  next: string | null;
  floor: number;
  loaded: boolean;
  loading: boolean;
  error: unknown;
}

/** A conversation with its times as numbers: thousands are put in order at every change. */
export type Row = Conversation & { updatedMs: number; waitingMs: number };

export const known = shallowReactive(new Map<number, Row>());

function row(c: Conversation): Row {
  return { ...c, updatedMs: time(c.updated_at), waitingMs: time(c.waiting_since) || Infinity };
}

export function unanswered(c: Conversation): boolean {
  return c.last_incoming_seq > Math.max(c.answered_seq, 0) && c.holder === "agent";
}

export function needsMe(c: Conversation): boolean {
  return c.holder === "queue" || (c.holder === "agent" && c.agent_id === myId.value && unanswered(c));
}

const FITS: Record<FilterName, (c: Conversation) => boolean> = {
  needs: needsMe,
  bot: (c) => c.holder === "bot",
  mine: (c) => c.holder === "agent" && c.agent_id === myId.value,
  all: () => true,
};

const QUERIES: Record<FilterName, Query[]> = {
  needs: [{ holder: "queue" }, { mine: true, status: "open" }],
  bot: [{ holder: "bot" }],
  mine: [{ mine: true, status: "open" }],
  all: [{}],
};

function fresh(): ListState {
  return { next: null, floor: 0, loaded: false, loading: false, error: null };
}

export const lists = reactive<Record<FilterName, ListState>>({
  needs: fresh(), bot: fresh(), mine: fresh(), all: fresh(),
});

function time(at: string | null): number {
  return at ? Date.parse(at) : 0;
}

/** Who waits longest stands first where somebody waits; else the last changed. */
export function inOrder(name: FilterName): Row[] {
  const fits = FITS[name];
  const floor = lists[name].floor;
  const found = [...known.values()].filter((c) => c.updatedMs >= floor && fits(c));
  return name === "needs"
    ? found.sort((a, b) => (a.waitingMs === b.waitingMs ? a.id - b.id : a.waitingMs - b.waitingMs))
    : found.sort((a, b) => b.updatedMs - a.updatedMs || b.id - a.id);
}

export const needsCount = computed(() => {
  let count = 0;
  for (const c of known.values()) if (needsMe(c)) count++;
  return count;
});

/** Loads the first page of a list, or the next one. */
export async function load(name: FilterName, more = false): Promise<void> {
  const list = lists[name];
  if (list.loading || (more && !list.next)) return;
  list.loading = true;
  list.error = null;
  try {
    const queries = QUERIES[name];
    const pages = await Promise.all(
      queries.map((query) => api.conversations({ ...query, limit: PAGE, cursor: more ? list.next : null })),
    );
    for (const page of pages) for (const c of page.items) put(c);
    const single = queries.length === 1 ? pages[0] : undefined;
    const last = single?.items[single.items.length - 1];
    list.next = single?.next ?? null;
    list.floor = list.next && last ? time(last.updated_at) : 0;
    list.loaded = true;
  } catch (error) {
    list.error = error;
  } finally {
    list.loading = false;
  }
}

export function put(c: Conversation): void {
  const old = known.get(c.id);
  // An answer to an earlier request must not undo a later event.
  if (old && (c.epoch < old.epoch || c.last_seq < old.last_seq)) return;
  known.set(c.id, row(c));
}

const refetching = new Map<number, ReturnType<typeof setTimeout>>();

export function refetch(id: number): void {
  if (refetching.has(id)) return;
  refetching.set(id, setTimeout(() => {
    refetching.delete(id);
    api.conversation(id).then(put, () => undefined);
  }, REFETCH_MS));
}

function take(event: ConversationEvent): void {
  const state = event.conversation;
  const old = known.get(state.id);
  if (!old) {
    // Nobody knows its name yet; the whole row is one small request.
    refetch(state.id);
    return;
  }
  if (state.epoch < old.epoch || state.last_seq < old.last_seq) return;
  const at = event.updated_at ?? old.updated_at;
  known.set(state.id, row({
    ...old,
    status: state.status,
    holder: state.holder,
    epoch: state.epoch,
    agent_id: state.holder === "agent" ? old.agent_id : null,
    agent_name: state.holder === "agent" ? state.agent_name || old.agent_name : "",
    contact_name: event.contact_name || old.contact_name,
    last_text: event.last_text ?? old.last_text,
    last_seq: state.last_seq,
    read_by_contact_seq: state.read_by_contact_seq ?? 0,
    read_by_agent_seq: state.read_by_agent_seq ?? 0,
    waiting_since: state.holder === "queue" ? (old.waiting_since ?? at) : null,
    updated_at: at,
  }));
  // The event does not say whose it is or what is unanswered: ask, where that matters.
  if (state.holder === "agent" && event.updated_at) refetch(state.id);
}

/** Found by words; null while nobody searches. */
export const found = ref<Conversation[] | null>(null);
export const searching = ref(false);
let search: AbortController | null = null;

export async function find(words: string): Promise<void> {
  search?.abort();
  if (!words.trim()) {
    found.value = null;
    searching.value = false;
    return;
  }
  const mine = (search = new AbortController());
  searching.value = true;
  try {
    const page = await api.conversations({ q: words.trim(), limit: PAGE }, mine.signal);
    for (const c of page.items) put(c);
    found.value = page.items;
  } finally {
    if (search === mine) searching.value = false;
  }
}

let running = false;

/** Begins to listen; called once somebody is signed in. */
export function startLists(): void {
  if (running) return;
  running = true;
  listen((frame) => {
    if (frame.type === "conversation") take(frame);
  });
  whenOnline(() => {
    void load("needs");
    for (const name of FILTERS) if (name !== "needs" && lists[name].loaded) void load(name);
  });
}

export function forgetLists(): void {
  known.clear();
  for (const name of FILTERS) Object.assign(lists[name], fresh());
}
