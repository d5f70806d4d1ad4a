/** What somebody began to write: kept in this browser per conversation, so that a reload, another
 * conversation or a closed lid loses nothing. Per person, because a browser may have several; old
 * ones go, so that the store stays small. */

import { myId } from "@/lib/session";

const KEEP_MS = 30 * 24 * 3_600_000;
const MOST = 200;

export type DraftKind = "reply" | "note";
type Kept = Record<string, { text: string; at: number }>;

const key = (): string => `zhike:drafts:${myId.value}`;

function read(): Kept {
  try {
    return (JSON.parse(localStorage.getItem(key()) ?? "{}") as Kept | null) ?? {};
  } catch {
    return {}; // something else wrote it: start anew
  }
}

export function draftOf(id: number, kind: DraftKind): string {
  return read()[`${id}:${kind}`]?.text ?? "";
}

/** Empty text forgets it. The store is read each time: another tab may have written meanwhile. */
export function keepDraft(id: number, kind: DraftKind, text: string, now = Date.now()): void {
  const all = read();
  delete all[`${id}:${kind}`];
  if (text.trim()) all[`${id}:${kind}`] = { text, at: now };
  const entries = Object.entries(all).filter(([, draft]) => now - draft.at < KEEP_MS);
  entries.sort(([, a], [, b]) => b.at - a.at);
  try {
    localStorage.setItem(key(), JSON.stringify(Object.fromEntries(entries.slice(0, MOST))));
  } catch {
    // Full or forbidden: it lives as long as the page.
  }
}
