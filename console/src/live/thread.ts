/** One conversation as it stands on the screen: its messages without gap, what is being sent, who
 * writes. Watches it over the socket; the past comes over REST. */

import { randomId } from "@widget/storage";
import { Timeline } from "@widget/timeline";
import type { Card, ErrorBody } from "@widget/wire";
import { shallowReactive, shallowRef, ref, triggerRef } from "vue";
import { api } from "@/api";
import { t } from "@/i18n";
import { myId } from "@/lib/session";
import type { DeskFrame, DeskMessage } from "./frames";
import { FRESH_MS, forget, keep, leftIn, type Outgoing } from "./outbox";
import { listen, send, whenOnline } from "./socket";
import { again, done, settled, type Upload } from "./uploads";

/** How long a message can be taken back. */
export const RECALL_MS = 2 * 60_000;
const PAGE = 50;
const TYPING_GONE_MS = 8_000;
const TYPING_EVERY_MS = 3_000;

/** What goes with the words of a message. */
export interface Saying {
  mentions?: number[] | undefined;
  cards?: Card[] | undefined;
  /** Files that are on the desk already. */
  files?: Outgoing["files"];
  /** Files that are still on their way. */
  uploads?: readonly Upload[] | undefined;
}

export class Thread {
  readonly messages = shallowRef<DeskMessage[]>([]);
  readonly outgoing = shallowReactive<Outgoing[]>([]);
  /** Files that a message still waits for, by its id. */
  readonly uploads = shallowReactive(new Map<string, readonly Upload[]>());
  readonly drafts = shallowReactive(new Map<string, string>());
  readonly typing = ref(false);
  /** What the visitor is typing, where their inbox shows it; "" elsewhere. */
  readonly preview = ref("");
  /** Colleagues who are writing here, too: what each of them writes. */
  readonly others = shallowReactive(new Map<number, { name: string; note: boolean }>());
  readonly loaded = ref(false);
  readonly loading = ref(false);
  readonly more = ref(false);
  readonly error = shallowRef<unknown>(null);
  /** Up to where the visitor has read. */
  readonly readByContact = ref(0);

  private readonly line = new Timeline();
  private readonly offs: (() => void)[] = [];
  private epoch = 0;
  private closed = false;
  /** Out of reach: the server has ended the watch. */
  private away = false;
  private readUpTo = 0;
  private typedAt = 0;
  private typedNote = false;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly otherTimers = new Map<number, ReturnType<typeof setTimeout>>();

  constructor(readonly id: number) {
    this.line.follow(id);
    for (const out of leftIn(id)) {
      const late = !out.failed && Date.now() - out.at > FRESH_MS;
      this.outgoing.push(late ? { ...out, failed: { code: "late", message: t("state.late"), retry: "later" } } : out);
    }
    this.offs.push(listen((frame) => this.take(frame)));
    void this.first();
  }

  /** Loads the newest page, then follows. */
  async first(): Promise<void> {
    this.error.value = null;
    this.loading.value = true;
    try {
      const page = await api.messages(this.id, { limit: PAGE });
      if (this.closed) return;
      this.line.page(page.items);
      this.more.value = page.more === true;
      this.loaded.value = true;
      this.shown();
      this.offs.push(whenOnline(() => this.follow()));
    } catch (error) {
      this.error.value = error;
    } finally {
      this.loading.value = false;
    }
  }

  async older(): Promise<void> {
    if (!this.more.value || this.loading.value) return;
    this.loading.value = true;
    try {
      const page = await api.messages(this.id, { before: this.line.oldest, limit: PAGE });
      this.line.page(page.items);
      this.more.value = page.more === true;
      this.shown();
    } finally {
      this.loading.value = false;
    }
  }

  say(text: string, note: boolean, more: Saying = {}): void {
    const { mentions, cards, files, uploads } = more;
    const out: Outgoing = {
      id: randomId(), text, note, at: Date.now(), failed: null, ...(mentions?.length ? { mentions } : {}),
      ...(cards?.length ? { cards } : {}), ...(files?.length ? { files } : {}),
    };
    this.outgoing.push(out);
    this.typedAt = 0;
    if (uploads?.length) void this.gather(out.id, uploads);
    else keep(this.id, out);
    this.flush();
  }

  /** Holds a message back until its files are there; it is kept in this browser from then on. */
  private async gather(id: string, uploads: readonly Upload[]): Promise<void> {
    this.uploads.set(id, uploads);
    const failed = await settled(uploads);
    const at = this.outgoing.findIndex((each) => each.id === id);
    const found = this.outgoing[at];
    if (!found) return;
    if (failed) {
      this.outgoing.splice(at, 1, { ...found, failed });
    } else {
      const files = uploads.flatMap((each) => each.attachment ?? []);
      this.uploads.delete(id);
      done(uploads);
      const out = { ...found, files };
      this.outgoing.splice(at, 1, out);
      keep(this.id, out);
    }
    this.flush();
  }

  retry(id: string): void {
    const uploads = this.uploads.get(id);
    this.uploads.delete(id);
    const found = this.drop(id);
    if (!found) return;
    for (const each of uploads ?? []) again(each);
    this.say(found.text, found.note, { mentions: found.mentions, cards: found.cards, files: found.files, uploads });
  }

  /** Something was said here that is neither stored nor refused. */
  get busy(): boolean {
    return this.outgoing.some((each) => !each.failed);
  }

  drop(id: string): Outgoing | undefined {
    forget(id);
    done(this.uploads.get(id) ?? []);
    this.uploads.delete(id);
    const at = this.outgoing.findIndex((each) => each.id === id);
    return at < 0 ? undefined : this.outgoing.splice(at, 1)[0];
  }

  /** A note is told to colleagues only. */
  typed(on: boolean, note = false): void {
    const now = Date.now();
    if (note !== this.typedNote && this.typedAt) this.tellTyping(false);
    if (on ? now - this.typedAt < TYPING_EVERY_MS : this.typedAt === 0) return;
    this.typedNote = note;
    this.tellTyping(on, now);
  }

  private tellTyping(on: boolean, now = Date.now()): void {
    this.typedAt = on ? now : 0;
    send({ type: "typing", on, conversation: this.id, ...(this.typedNote ? { note: true } : {}) });
  }

  /** It is new to me once more: what is on the screen does not count as seen until I come back to it. */
  async unread(): Promise<void> {
    this.readUpTo = Infinity;
    await api.unread(this.id);
  }

  /** Somebody looks at it again. */
  look(): void {
    if (this.readUpTo === Infinity) this.readUpTo = 0;
  }

  /** The agent has seen all that is shown. */
  seen(): void {
    const seq = this.line.contiguous;
    if (seq > this.readUpTo && send({ type: "read", seq, conversation: this.id })) this.readUpTo = seq;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.typingTimer);
    for (const timer of this.otherTimers.values()) clearTimeout(timer);
    for (const off of this.offs) off();
    send({ type: "watch", conversation: this.id, on: false });
  }

  private follow(): void {
    this.away = false;
    send({ type: "watch", conversation: this.id, after: this.line.contiguous });
    this.drafts.clear();
    this.sent.clear();
    this.flush();
  }

  /** Ids under way on this connection. */
  private readonly sent = new Set<string>();

  /** One at a time, so that what was written first stands first. */
  private flush(): void {
    const head = this.outgoing.find((each) => !each.failed);
    if (!head || this.sent.has(head.id) || this.uploads.has(head.id)) return;
    const frame = { type: "message" as const, client_msg_id: head.id, text: head.text, conversation: this.id, note: head.note,
      ...(head.mentions?.length ? { mentions: head.mentions } : {}), ...(head.cards?.length ? { cards: head.cards } : {}),
      ...(head.files?.length ? { files: head.files.map((file) => file.id) } : {}) };
    if (send(frame)) this.sent.add(head.id);
  }

  private take(frame: DeskFrame): void {
    if (frame.type === "error") {
      this.refused(frame.client_msg_id ?? "", frame.error);
      return;
    }
    if (frame.type === "conversation") {
      if (frame.conversation.id !== this.id) return;
      if (frame.conversation.epoch > this.epoch) this.drafts.clear();
      this.epoch = frame.conversation.epoch;
      if (this.away) this.follow();
      this.readByContact.value = Math.max(this.readByContact.value, frame.conversation.read_by_contact_seq ?? 0);
      return;
    }
    if (!("conversation" in frame) || frame.conversation !== this.id) return;
    switch (frame.type) {
      case "gone":
        this.away = true;
        break;
      case "ack": {
        const mine = this.outgoing.find((each) => each.id === frame.client_msg_id);
        this.stored(frame.client_msg_id);
        if (mine) {
          this.live({
            conversation: this.id, seq: frame.seq, direction: mine.note ? "note" : "outgoing", sender: "agent",
            text: mine.text, at: frame.at, client_msg_id: mine.id, ...(mine.files ? { attachments: mine.files } : {}),
            ...(mine.cards ? { cards: mine.cards } : {}),
          });
        }
        break;
      }
      case "message":
        this.stored(frame.client_msg_id ?? "");
        this.live(frame);
        break;
      case "messages":
        for (const item of frame.items) this.stored(item.client_msg_id ?? "");
        this.line.resumed(frame.items, frame.last_seq, frame.more === true);
        this.shown();
        break;
      case "delta":
        if (frame.epoch < this.epoch) break;
        this.drafts.set(frame.answer_id, (this.drafts.get(frame.answer_id) ?? "").slice(0, frame.offset) + frame.text);
        break;
      case "withdrawn":
        this.drafts.delete(frame.answer_id);
        break;
      case "typing":
        this.writes(frame);
        break;
      case "recalled":
        this.recalled(frame.seq);
        break;
      case "read":
        if (frame.by === "contact") this.readByContact.value = Math.max(this.readByContact.value, frame.seq);
    }
  }

  private writes(frame: DeskFrame & { type: "typing" }): void {
    const on = frame.on !== false;
    if (frame.sender === "contact") {
      clearTimeout(this.typingTimer);
      this.typing.value = on;
      this.preview.value = on ? (frame.text ?? "") : "";
      if (on) this.typingTimer = setTimeout(() => this.quiet(), TYPING_GONE_MS);
    } else if (frame.agent_id && frame.agent_id !== myId.value) {
      const who = frame.agent_id;
      clearTimeout(this.otherTimers.get(who));
      if (!on) return void this.others.delete(who);
      this.others.set(who, { name: frame.name ?? "", note: frame.note === true });
      this.otherTimers.set(who, setTimeout(() => this.others.delete(who), TYPING_GONE_MS));
    }
  }

  private quiet(): void {
    this.typing.value = false;
    this.preview.value = "";
  }

  private live(message: DeskMessage): void {
    if (message.direction === "incoming") this.quiet();
    if (message.answer_id) this.drafts.delete(message.answer_id);
    const complete = this.line.live(message);
    this.shown();
    if (!complete) send({ type: "resume", after: this.line.contiguous, conversation: this.id });
  }

  /** The same message with what was masked in it. */
  revealed(seq: number, text: string): void {
    const found = this.line.messages.find((message) => message.seq === seq);
    if (!found) return;
    this.line.live({ ...found, text });
    this.shown();
  }

  /** A message was taken back: its place stays, its words go. */
  recalled(seq: number): void {
    const found = this.line.messages.find((message) => message.seq === seq) as DeskMessage | undefined;
    if (!found) return;
    this.line.live({ ...found, text: "", cards: [], buttons: [], attachments: [], recalled: true } as DeskMessage);
    this.shown();
  }

  private stored(id: string): void {
    if (!id) return;
    this.sent.delete(id);
    if (this.drop(id)) this.flush();
  }

  private refused(id: string, error: ErrorBody): void {
    const at = this.outgoing.findIndex((each) => each.id === id);
    const found = this.outgoing[at];
    if (!found) return;
    this.sent.delete(id);
    if (error.retry === "never") {
      this.outgoing.splice(at, 1, { ...found, failed: error });
      keep(this.id, { ...found, failed: error });
    } else setTimeout(() => this.flush(), (error.retry_after_s ?? 1) * 1000);
    if (error.retry === "never") this.flush();
  }

  private shown(): void {
    this.messages.value = this.line.messages.filter((message) => message.seq <= this.line.contiguous);
    triggerRef(this.messages);
  }
}
