/** What the visitor said and the server has not yet acknowledged, exactly once and in order.
 *
 * Ids are `<stream>.<n>`, n counting from 1. Only the head is ever under way (a person types
 * slower than a round trip), so nothing behind a refused message can already be stored: it can be
 * given new ids without the danger of a double. The entries survive a reload in the visitor's
 * browser; what was under way is then sent again with the same id, and the server knows it. */

import type { Attachment, Card, SendMessage } from "./wire";

export interface Entry {
  id: string;
  n: number;
  text: string;
  action: "" | "handoff";
  at: number;
  files?: Attachment[];
  cards?: Card[];
  /** Refused for good: shown red with "retry", not sent by itself. */
  failed?: string;
}

export interface StreamState {
  stream: string;
  /** The last n given out. */
  n: number;
  entries: Entry[];
}

export interface OutboxStore {
  load(): StreamState | null;
  save(state: StreamState): void;
}

export class Outbox {
  private state: StreamState;
  private inFlight: string | null = null;

  constructor(
    private readonly store: OutboxStore,
    private readonly newStream: () => string,
  ) {
    this.state = store.load() ?? { stream: newStream(), n: 0, entries: [] };
  }

  get entries(): readonly Entry[] {
    return this.state.entries;
  }

  get empty(): boolean {
    return this.state.entries.length === 0;
  }

  /** Takes a message; it is kept before this returns. */
  add(text: string, action: "" | "handoff", at: number, files?: Attachment[], cards?: Card[]): Entry {
    const n = ++this.state.n;
    const entry: Entry = { id: `${this.state.stream}.${n}`, n, text, action, at };
    if (files?.length) entry.files = files;
    if (cards?.length) entry.cards = cards;
    this.state.entries.push(entry);
    this.save();
    return entry;
  }

  /** The frame to send now, or null when one is under way or nothing waits. */
  next(): SendMessage | null {
    if (this.inFlight !== null) return null;
    const head = this.state.entries.find((entry) => !entry.failed);
    if (!head) return null;
    this.inFlight = head.id;
    const frame: SendMessage = { type: "message", client_msg_id: head.id, text: head.text, n: head.n };
    if (head.action) frame.action = head.action;
    if (head.files) frame.files = head.files.map((file) => file.id);
    if (head.cards) frame.cards = head.cards;
    return frame;
  }

  /** The connection broke: whatever was under way must be sent again. */
  lost(): void {
    this.inFlight = null;
  }

  /** The server holds it (an ack, or the message itself in a page). True if it was ours. */
  stored(id: string): boolean {
    const found = this.state.entries.findIndex((entry) => entry.id === id);
    if (this.inFlight === id) this.inFlight = null;
    if (found < 0) return false;
    this.state.entries.splice(found, 1);
    this.save();
    return true;
  }

  /** Refused for good. It stays, red; those behind it go on under a new stream, because the
   * server stores n only after n-1 and this n will never come. */
  refused(id: string, why: string): boolean {
    const entry = this.state.entries.find((each) => each.id === id);
    if (this.inFlight === id) this.inFlight = null;
    if (!entry) return false;
    entry.failed = why || "?";
    this.renumber();
    return true;
  }

  /** Not stored now, may be later: the same message with the same id is sent again. */
  postponed(id: string): void {
    if (this.inFlight === id) this.inFlight = null;
  }

  /** The server does not know this stream's earlier messages (another identity, a restored
   * database): go on under a new one. Only safe for messages that were refused or never sent. */
  renumber(): void {
    this.state.stream = this.newStream();
    this.state.n = 0;
    this.inFlight = null;
    for (const entry of this.state.entries) {
      if (entry.failed) continue;
      entry.n = ++this.state.n;
      entry.id = `${this.state.stream}.${entry.n}`;
    }
    this.save();
  }

  /** Sends a refused message again, as the last one. */
  retry(id: string, at: number): Entry | null {
    const entry = this.drop(id);
    return entry && this.add(entry.text, entry.action, at, entry.files, entry.cards);
  }

  /** Forgets a refused message. */
  drop(id: string): Entry | null {
    const found = this.state.entries.findIndex((entry) => entry.id === id && entry.failed);
    if (found < 0) return null;
    const [entry] = this.state.entries.splice(found, 1);
    this.save();
    return entry ?? null;
  }

  private save(): void {
    this.store.save(this.state);
  }
}
