/** Conversations that stay at hand: a few threads are kept alive, so that going back and forth
 * between chats costs nothing, and those that somebody pinned stand as tabs above the conversation. */

import { computed } from "vue";
import { kept } from "@/lib/kept";
import { waitingIn } from "./outbox";
import { Thread } from "./thread";

/** Far below what one connection may watch (100). */
const ALIVE = 8;
export const MOST_PINNED = 12;

const alive = new Map<number, Thread>();
export const pinned = kept<number[]>("pinned", []);
export const isPinned = computed(() => new Set(pinned.value));

/** The thread of a conversation, as it was left or new. What was used longest ago goes first; one
 * that still has something to send stays. */
export function threadOf(id: number): Thread {
  const found = alive.get(id) ?? new Thread(id);
  alive.delete(id);
  alive.set(id, found);
  for (const [other, thread] of alive) {
    if (alive.size <= ALIVE) break;
    if (other === id || thread.busy) continue;
    thread.close();
    alive.delete(other);
  }
  return found;
}

export function pin(id: number, on = true): void {
  const rest = pinned.value.filter((each) => each !== id);
  pinned.value = on ? [...rest, id].slice(-MOST_PINNED) : rest;
}

/** Sends what a reload interrupted, wherever that was. */
export function resumeSending(): void {
  for (const id of waitingIn().slice(0, ALIVE)) threadOf(id);
}

export function forgetThreads(): void {
  for (const thread of alive.values()) thread.close();
  alive.clear();
  pinned.value = [];
}
