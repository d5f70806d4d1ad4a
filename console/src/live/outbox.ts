/** What was said and is not stored yet, kept in this browser: a reload sends it again under the same
 * id, and the server stores it once. Per person, because a browser may have several. */

import type { Attachment, Card, ErrorBody } from "@widget/wire";
import { myId } from "@/lib/session";

export interface Outgoing {
  id: string;
  text: string;
  note: boolean;
  at: number;
  failed: ErrorBody | null;
  mentions?: number[];
  files?: Attachment[];
  cards?: Card[];
}
type Kept = Record<string, Outgoing & { conversation: number }>;

/** What is older was said into another situation: its writer decides whether it still goes out. */
export const FRESH_MS = 10 * 60_000;
const KEEP_MS = 24 * 3_600_000;

const key = (): string => `zhike:out:${myId.value}`;

function read(): Kept {
  try {
    return (JSON.parse(localStorage.getItem(key()) ?? "{}") as Kept | null) ?? {};
  } catch {
    return {};
  }
}

/** Each change reads the store anew, so that two tabs do not wipe out each other's words. */
function change(how: (all: Kept) => void): void {
  const all = read();
  how(all);
  try {
    if (Object.keys(all).length) localStorage.setItem(key(), JSON.stringify(all));
    else localStorage.removeItem(key());
  } catch {
    // Full or forbidden: it lives as long as the page.
  }
}

export function keep(conversation: number, out: Outgoing): void {
  change((all) => (all[out.id] = { ...out, conversation }));
}

export function forget(id: string): void {
  if (read()[id]) change((all) => delete all[id]);
}

/** What this person left unsent in a conversation, oldest first. */
export function leftIn(conversation: number, now = Date.now()): Outgoing[] {
  return Object.values(read())
    .filter((out) => out.conversation === conversation && now - out.at < KEEP_MS)
    .sort((a, b) => a.at - b.at)
    .map(({ conversation: _, ...out }) => out);
}

/** Conversations in which something still waits to be sent. */
export function waitingIn(now = Date.now()): number[] {
  const fresh = Object.values(read()).filter((out) => !out.failed && now - out.at < FRESH_MS);
  return [...new Set(fresh.map((out) => out.conversation))];
}
