/** What agents do with conversations: shown at once, undone for some seconds where it can be, told
 * when it fails. One place, so that keys, buttons, the palette and many at once do the same. */

import { reactive } from "vue";
import { api, type BulkAct } from "@/api";
import type { Conversation, Priority, Tag } from "@/api/types";
import { t } from "@/i18n";
import { nameOf } from "@/lib/names";
import { complain, say, undoable } from "@/lib/toasts";
import { known, put, touch } from "./list";
import { pin } from "./open";

/** Done here, but not yet on the server: it can still be undone. */
export const leaving = reactive(new Set<number>());
export const busy = reactive(new Set<number>());

async function act(id: number, call: () => Promise<Conversation>): Promise<boolean> {
  if (busy.has(id)) return false;
  busy.add(id);
  try {
    put(await call());
    return true;
  } catch (reason) {
    complain(reason);
    return false;
  } finally {
    busy.delete(id);
  }
}

export async function take(id: number): Promise<boolean> {
  const done = await act(id, () => api.take(id));
  if (done) pin(id);
  return done;
}

export async function giveBack(id: number): Promise<void> {
  if (await act(id, () => api.giveBack(id))) say(t("desk.returned"));
}

export interface Assignment {
  agent_id?: number | null;
  team_id?: number | null;
  note?: string;
}

export async function assign(id: number, to: Assignment, name: string): Promise<boolean> {
  const done = await act(id, () => api.assign(id, to));
  if (done) say(t("assign.done", { name }));
  return done;
}

/** Leaves the lists at once; the server hears of it when nobody wants it back. */
function leave(id: number, words: string, call: (last: boolean) => Promise<Conversation>): void {
  if (leaving.has(id)) return;
  leaving.add(id);
  undoable(words, async (last) => {
    put(await call(last));
    leaving.delete(id);
  }, () => leaving.delete(id));
}

export function resolve(id: number, wrapUp = ""): void {
  const c = known.get(id);
  if (!c || c.status === "resolved") return;
  pin(id, false);
  leave(id, t("desk.resolved", { name: nameOf(c) }), (last) => api.resolve(id, wrapUp, last));
}

export function snooze(id: number, until: Date, words: string): void {
  leave(id, words, (last) => api.snooze(id, until.toISOString(), last));
}

export async function reopen(id: number): Promise<void> {
  await act(id, () => api.reopen(id));
}

/** Shown at once, put back if the server refuses. */
async function change(id: number, shown: Partial<Conversation>, body: Parameters<typeof api.changeConversation>[1]): Promise<void> {
  const before = known.get(id);
  if (!before) return;
  touch(id, shown);
  try {
    put(await api.changeConversation(id, body));
  } catch (error) {
    touch(id, Object.fromEntries(Object.keys(shown).map((name) => [name, before[name as keyof Conversation]])));
    complain(error);
  }
}

export function setPriority(id: number, priority: Priority): Promise<void> {
  return change(id, { priority }, { priority });
}

export function setTags(id: number, tags: Tag[]): Promise<void> {
  return change(id, { tags }, { tag_ids: tags.map((tag) => tag.id) });
}

/** As many as the server does in one call. */
const BULK = 100;

/** The same with many at once. `leaves`: they leave the list, so it can be undone for some seconds. */
export function bulk(ids: number[], what: BulkAct, words: string, leaves: boolean): void {
  const run = async (): Promise<void> => {
    let failed = 0;
    let why: unknown = null;
    for (let from = 0; from < ids.length; from += BULK) {
      const answer = await api.bulk(ids.slice(from, from + BULK), what);
      failed += answer.failed.length;
      why ??= answer.failed[0]?.error.message ?? null;
      await Promise.all(answer.done.map((id) => api.conversation(id).then(put)));
    }
    if (failed) say(t("bulk.failed", { n: failed, why: String(why ?? "") }));
  };
  if (!leaves) {
    run().then(() => say(words), complain);
    return;
  }
  for (const id of ids) leaving.add(id);
  const back = (): void => ids.forEach((id) => leaving.delete(id));
  undoable(words, () => run().finally(back), back);
}
