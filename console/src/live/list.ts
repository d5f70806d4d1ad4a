/** The conversations this console knows, kept up to date by events, in lists.
 *
 * A list shows what fits its view down to its `floor`: the place where the last loaded page ended.
 * Below it there may be holes, because another list loaded some of them. */

import { computed, reactive, ref, shallowReactive, toRaw } from "vue";
import { api } from "@/api";
import type { Conversation } from "@/api/types";
import { perFrame } from "@/lib/frame";
import { myId } from "@/lib/session";
import type { ListEvent } from "./frames";
import { Ordered } from "./order";
import { listen, whenOnline } from "./socket";
import { VIEWS, looker, viewOf, type Looker, type ViewName } from "./views";

const PAGE = 100;
/** As many as a page may hold (rest/paging.py), and how far a list is loaded that somebody works off. */
const WHOLE_PAGE = 200;
const WHOLE = 5_000;
/** Changes of one conversation within this time are fetched once. */
const REFETCH_MS = 250;
/** From here on one page of the last changed is cheaper than each by itself. */
const REFETCH_SINGLY = 3;

interface ListState {
  /** Per query of the view: where its next page begins. */
  next: (string | null)[];
  floor: number;
  loaded: boolean;
  loading: boolean;
  error: unknown;
}

/** A conversation with its times as numbers: thousands are put in order at every change. */
export type Row = Conversation & { updatedMs: number; waitingMs: number; heardAt: number };

export const known = shallowReactive(new Map<number, Row>());
const plain = toRaw(known);
/** Rises with every change. Whoever walks over all of them depends on this one number, instead of on
 * each of thousands. */
const changes = ref(0);

/** Every conversation that is known here; whoever computes with them is told of changes. */
export function everyRow(): IterableIterator<Row> {
  void changes.value;
  return plain.values();
}

function time(at: string | null): number {
  return at ? Date.parse(at) : 0;
}

/** Counts what was heard of any conversation; `heardAt` of a row is where it stood then. */
let moment = 0;

/** Where it stands when a request goes out: what is heard after it is newer than the answer. */
export function asking(): number {
  events.now();
  return moment;
}

function row(c: Conversation, heardAt: number): Row {
  return { ...c, updatedMs: time(c.updated_at), waitingMs: time(c.waiting_since) || Infinity, heardAt };
}

function fresh(): ListState {
  return { next: [], floor: 0, loaded: false, loading: false, error: null };
}

const states = reactive(new Map<ViewName, ListState>());

/** How far a list is loaded; made when somebody first looks. */
export function listOf(name: ViewName): ListState {
  if (!states.has(name)) states.set(name, fresh());
  return states.get(name)!;
}

export function hasMore(name: ViewName): boolean {
  return listOf(name).next.some((cursor) => cursor !== null);
}

function byWaiting(a: Row, b: Row): number {
  return (b.priority ?? 0) - (a.priority ?? 0) || (a.waitingMs === b.waitingMs ? a.id - b.id : a.waitingMs - b.waitingMs);
}

function byChange(a: Row, b: Row): number {
  return b.updatedMs - a.updatedMs || b.id - a.id;
}

/** A list in order, for one who looks and down to one floor. */
interface Kept {
  who: Looker;
  floor: number;
  ordered: Ordered<Row>;
}

const kept = new Map<ViewName, Kept>();

/** As it stands now; whoever computes with it is told of changes. */
export function inOrder(name: ViewName): readonly Row[] {
  const all = everyRow();
  const view = viewOf(name);
  const floor = view.whole ? 0 : listOf(name).floor;
  const who = looker.value;
  let list = kept.get(name);
  if (list?.who !== who || list.floor !== floor) {
    const fits = (c: Row): boolean => c.updatedMs >= floor && view.fits(c, who);
    list = { who, floor, ordered: new Ordered(all, fits, view.order === "waiting" ? byWaiting : byChange) };
    kept.set(name, list);
  }
  return list.ordered.all;
}

export const needsCount = computed(() => inOrder("needs").length);

/** Loads the first page of a list, or the next one; of a list that is worked off, every page. */
export async function load(name: ViewName, more = false): Promise<void> {
  const list = listOf(name);
  if (list.loading || (more && !hasMore(name))) return;
  const { queries, whole } = viewOf(name);
  list.loading = true;
  list.error = null;
  let cursors: (string | null)[] = more ? list.next : queries.map(() => null);
  const before = more ? [] : inOrder(name).map((c) => c.id);
  const seen = new Set<number>();
  try {
    for (let got = 0, first = !more; first || (got < WHOLE && cursors.some(Boolean)); first = false) {
      const asked = asking();
      const pages = await Promise.all(queries.map((query, at) => (first || cursors[at]
        ? api.conversations({ ...query, limit: whole ? WHOLE_PAGE : PAGE, cursor: cursors[at] })
        : null)));
      if (states.get(name) !== list) return; // somebody else signed in meanwhile
      for (const page of pages) for (const c of page?.items ?? []) seen.add(c.id), put(c, asked);
      cursors = pages.map((page) => page?.next ?? null);
      const last = pages[0]?.items.at(-1);
      list.next = cursors;
      list.floor = queries.length === 1 && cursors[0] && last ? time(last.updated_at) : 0;
      list.loaded = true;
      got += WHOLE_PAGE;
      if (!whole) break;
    }
    // What stood here and did not come again has changed while nobody listened.
    const fits = new Set(inOrder(name).map((c) => c.id));
    for (const id of before) if (!seen.has(id) && fits.has(id)) refetch(id);
  } catch (error) {
    list.error = error;
  } finally {
    list.loading = false;
  }
}

type Watcher = (before: Row | undefined, now: Row) => void;
const watchers = new Set<Watcher>();

/** Calls back for every change that comes while somebody is here; not for what is loaded. */
export function whenChanged(callback: Watcher): () => void {
  watchers.add(callback);
  return () => watchers.delete(callback);
}

function set(now: Row, live: boolean): void {
  const before = plain.get(now.id);
  known.set(now.id, now);
  for (const { ordered } of kept.values()) ordered.change(before, now);
  changes.value++;
  if (live) for (const callback of watchers) callback(before, now);
}

/** What is out of my reach, and since when: nothing that was asked before puts it back. */
const gone = new Map<number, number>();

function drop(id: number): void {
  events.now();
  pending.delete(id);
  gone.set(id, ++moment);
  const before = plain.get(id);
  if (!before) return;
  known.delete(id);
  for (const { ordered } of kept.values()) ordered.change(before, undefined);
  changes.value++;
  if (found.value) found.value = found.value.filter((c) => c.id !== id);
}

/** An answer to a request that went out at `asked` does not undo what was heard after it. Numbers say
 * which is newer where there are any; of what has none (read marks, tags) it is asked once more. */
export function put(c: Conversation, asked = Infinity, live = false): void {
  events.now();
  if ((gone.get(c.id) ?? 0) > asked) return;
  const old = known.get(c.id);
  if (old && (c.epoch < old.epoch || c.last_seq < old.last_seq)) return;
  if (old && old.heardAt > asked && c.epoch === old.epoch && c.last_seq === old.last_seq) refetch(c.id);
  else set(row(c, old?.heardAt ?? 0), live);
}

/** Something of ours that shows at once, before the server has said it. */
export function touch(id: number, change: Partial<Conversation>): void {
  events.now();
  const old = known.get(id);
  if (old) set(row({ ...old, ...change }, ++moment), false);
}

const pending = new Set<number>();
let refetching: ReturnType<typeof setTimeout> | undefined;

export function refetch(id: number): void {
  pending.add(id);
  refetching ??= setTimeout(() => void fetchPending(), REFETCH_MS);
}

/** The last changed stand on the first page, so one request brings many of them. */
async function fetchPending(): Promise<void> {
  refetching = undefined;
  const ids = new Set(pending);
  pending.clear();
  const asked = asking();
  try {
    if (ids.size >= REFETCH_SINGLY) {
      const page = await api.conversations({ limit: Math.min(WHOLE_PAGE, ids.size + 20) });
      for (const c of page.items) {
        put(c, asked, ids.delete(c.id));
      }
    }
    await Promise.all([...ids].map((id) => api.conversation(id).then((c) => put(c, asked, true))));
  } catch {
    // The next event asks again.
  }
}

/** Heard and not yet in the lists. Before anything else is put in, these are: order is kept. */
const heard: ListEvent[] = [];
const events = perFrame(() => {
  for (const event of heard.splice(0)) take(event);
});

/** One more that I have not read; an event that comes twice counts once. */
function news(old: Row, seq: number): Partial<Conversation> {
  if (seq <= Math.max(old.last_incoming_seq, old.read_seq ?? 0)) return {};
  return { last_incoming_seq: seq, unread: (old.unread ?? 0) + 1 };
}

function take(event: ListEvent): void {
  const state = event.conversation;
  const old = plain.get(state.id);
  if (!old) {
    // Nobody knows its name yet; the whole row is one small request.
    refetch(state.id);
    return;
  }
  if (state.epoch < old.epoch || state.last_seq < old.last_seq) return;
  const all = event.updated_at !== undefined;
  const asked = event.mentions?.includes(myId.value) === true;
  set(row({
    ...old,
    status: state.status,
    holder: state.holder,
    epoch: state.epoch,
    agent_id: all ? (event.agent_id ?? null) : old.agent_id,
    agent_name: state.agent_name || (state.epoch === old.epoch ? old.agent_name : ""),
    waiting_since: all ? (event.waiting_since ?? null) : old.waiting_since,
    contact_name: event.contact_name || old.contact_name,
    last_text: event.last_text ?? old.last_text,
    last_seq: state.last_seq,
    read_by_contact_seq: state.read_by_contact_seq ?? 0,
    read_by_agent_seq: state.read_by_agent_seq ?? 0,
    updated_at: event.updated_at ?? old.updated_at,
    ...(event.priority === undefined ? {} : { priority: event.priority }),
    ...(event.tags === undefined ? {} : { tags: event.tags }),
    ...(event.team_id === undefined ? {} : { team_id: event.team_id, team_name: "" }),
    ...(event.snoozed_until === undefined ? {} : { snoozed_until: event.snoozed_until }),
    ...(asked ? { mentioned: true } : {}),
    ...news(old, event.incoming_seq ?? 0),
  }, ++moment), true);
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
    const asked = asking();
    const page = await api.conversations({ q: words.trim(), limit: PAGE }, mine.signal);
    for (const c of page.items) put(c, asked);
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
    if (frame.type === "conversation") heard.push(frame), events.ask();
    else if (frame.type === "gone") drop(frame.conversation);
    else if (frame.type === "unread") touch(frame.conversation, { read_seq: frame.seq, unread: frame.count });
    else if (frame.type === "rated") touch(frame.conversation, { rating: { score: frame.score, comment: frame.comment ?? "" } });
  });
  whenOnline(() => {
    void load("needs");
    for (const [name, list] of states) if (name !== "needs" && list.loaded) void load(name);
  });
}

export function forgetLists(): void {
  heard.length = 0;
  gone.clear();
  known.clear();
  kept.clear();
  changes.value++;
  states.clear();
  found.value = null;
  for (const name of VIEWS) listOf(name);
}
