/** What the widget keeps in the visitor's browser. Where storage is forbidden (private windows,
 * blocked cookies) everything stays in memory until the page is left. */

import type { OutboxStore, StreamState } from "./outbox";

const memory = new Map<string, string>();

/** local: every page of the visitor, for good; session: this tab. */
type Area = "local" | "session";

function area(which: Area): Storage | null {
  try {
    return which === "local" ? window.localStorage : window.sessionStorage;
  } catch {
    return null;
  }
}

export function get(key: string, where: Area = "local"): string {
  try {
    return area(where)?.getItem(key) ?? memory.get(key) ?? "";
  } catch {
    return memory.get(key) ?? "";
  }
}

export function set(key: string, value: string, where: Area = "local"): void {
  memory.set(key, value);
  try {
    if (value) area(where)?.setItem(key, value);
    else area(where)?.removeItem(key);
  } catch {
    // Full or forbidden: memory has it.
  }
  if (!value) memory.delete(key);
}

function keys(): string[] {
  try {
    const all = area("local");
    return all ? Object.keys(all) : [...memory.keys()];
  } catch {
    return [...memory.keys()];
  }
}

export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_");
}

/** A lease on a slot that was not renewed for this long belongs to nobody: its page is gone. */
const LEASE_MS = 15_000;
export const RENEW_MS = 5_000;

/** Where the unacknowledged messages of every page of this visitor stand, one slot per page load.
 *
 * A page holds its slot by a lease and lets go when it is left. The next page (a reload, another
 * tab, tomorrow's visit) adopts what was left behind and sends it first. Two pages that adopt the
 * same slot at once do no harm: the ids are the same, so the server stores each message once. */
export class Slots {
  private readonly held = new Set<string>();

  constructor(
    private readonly prefix: string,
    private readonly now: () => number = Date.now,
  ) {}

  /** A new slot for this page. */
  mine(): OutboxStore {
    return this.open(randomId());
  }

  /** Slots whose page is gone, oldest first. */
  adopt(): OutboxStore[] {
    const found: { slot: string; at: number }[] = [];
    for (const key of keys()) {
      if (!key.startsWith(`${this.prefix}:out:`)) continue;
      const slot = key.slice(this.prefix.length + 5);
      if (this.held.has(slot) || Number(get(`${this.prefix}:lease:${slot}`)) > this.now()) continue;
      found.push({ slot, at: read(key)?.entries[0]?.at ?? 0 });
    }
    return found.sort((a, b) => a.at - b.at).map(({ slot }) => this.open(slot));
  }

  renew(): void {
    for (const slot of this.held) {
      if (get(`${this.prefix}:out:${slot}`)) set(`${this.prefix}:lease:${slot}`, String(this.now() + LEASE_MS));
    }
  }

  release(): void {
    for (const slot of this.held) set(`${this.prefix}:lease:${slot}`, "");
  }

  private open(slot: string): OutboxStore {
    this.held.add(slot);
    const key = `${this.prefix}:out:${slot}`;
    return {
      load: () => read(key),
      save: (state) => {
        set(key, state.entries.length ? JSON.stringify(state) : "");
        set(`${this.prefix}:lease:${slot}`, state.entries.length ? String(this.now() + LEASE_MS) : "");
      },
    };
  }
}

function read(key: string): StreamState | null {
  try {
    return JSON.parse(get(key)) as StreamState;
  } catch {
    return null;
  }
}
