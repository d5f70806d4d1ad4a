/** The visitor's side of one inbox: joins connection, outbox and timeline into one state that the
 * view shows. Knows nothing of the DOM. */

import { Connection, type Phase } from "./connection";
import { upload, type Links } from "./files";
import { pollLink, socketLink, visitorCall } from "./link";
import { Outbox, type Entry } from "./outbox";
import { RENEW_MS, Slots, get, randomId, set } from "./storage";
import { Timeline } from "./timeline";
import type { Ack, Attachment, Card, ConversationState, CustomerClaim, ErrorBody, FormField, Hello, PageLook, ServerFrame, Welcome } from "./wire";

export interface ClientOptions {
  base: string;
  inbox: string;
  lang: string;
  customer?: CustomerClaim | undefined;
  page(): PageLook | undefined;
}

/** What a first page of the past brings. */
const PAGE = 50;
/** "Writing …" is told at most this often, and forgotten after `TYPING_GONE_MS` without news. */
const TYPING_EVERY_MS = 3_000;
const TYPING_GONE_MS = 8_000;
/** Where people see what is typed: its end, this often (src/zhike/domain/wire.py says how long at most). */
const PREVIEW_EVERY_MS = 1_200;
const PREVIEW_CHARS = 280;
/** Where the visitor is, is looked at this often. */
const LOOK_MS = 2_000;

export class Client {
  welcome: Welcome | null = null;
  conversation: ConversationState | null = null;
  readonly timeline = new Timeline();
  /** Draft answers being written, by answer id. */
  readonly drafts = new Map<string, string>();
  typing = false;
  /** Older messages exist that were not loaded. */
  more = false;
  loading = false;
  /** The server asked to slow down; what waits is sent after that by itself. */
  slowed = false;
  /** What the desk asks about a conversation that is over; `score` once it was said. */
  /** What the shop's page says the visitor looks at. */
  offer: Card | null = null;
  csat: { conversation: number; question: string; score: number } | null = null;

  private readonly connection: Connection;
  private readonly slots: Slots;
  private readonly mine: Outbox;
  private left: Outbox[];
  private readonly key: string;
  private token: string;
  private freshIdentity = false;
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private previewTimer: ReturnType<typeof setTimeout> | undefined;
  private typedAt = 0;
  private lookedAt = "";
  private readUpTo = 0;

  constructor(
    private readonly options: ClientOptions,
    private readonly changed: () => void,
  ) {
    this.key = `zhike:${options.inbox}${options.customer ? ":" + options.customer.id : ""}`;
    this.token = get(`${this.key}:token`);
    this.slots = new Slots(this.key);
    this.left = this.slots.adopt().map((store) => new Outbox(store, randomId));
    this.mine = new Outbox(this.slots.mine(), randomId);
    this.connection = new Connection({
      hello: () => this.hello(),
      open: (kind, hello, on) =>
        kind === "socket"
          ? socketLink(`${options.base.replace(/^http/, "ws")}/ws`, hello, on)
          : pollLink(options.base, hello, on),
      frame: (frame) => this.take(frame),
      changed: () => this.changed(),
      lost: () => this.lost(),
      stopping: (code) => this.anotherIdentity(code),
    });
    setInterval(() => this.slots.renew(), RENEW_MS);
    setInterval(() => this.look(), LOOK_MS);
    addEventListener("pagehide", () => this.slots.release());
    addEventListener("pageshow", (event) => event.persisted && this.slots.renew());
    addEventListener("online", () => this.connection.nudge());
    addEventListener("offline", () => this.connection.offline());
    addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.connection.nudge());
    addEventListener("storage", (event) => this.otherPage(event));
  }

  get phase(): Phase {
    return this.connection.phase;
  }

  get error(): ErrorBody | null {
    return this.connection.error;
  }

  /** True if this visitor was here before, so that news may wait. */
  get known(): boolean {
    return this.token !== "" || this.left.length > 0;
  }

  get pending(): Entry[] {
    return [...this.left.flatMap((box) => box.entries), ...this.mine.entries];
  }

  /** Answers the visitor has not seen. */
  get unread(): number {
    const seen = Math.max(this.conversation?.read_by_contact_seq ?? 0, this.readUpTo);
    return this.timeline.messages.filter((m) => m.direction === "outgoing" && m.seq > seen).length;
  }

  start(): void {
    this.connection.start();
  }

  stop(): void {
    this.connection.stop();
    this.slots.release();
  }

  reconnect(): void {
    this.connection.restart();
  }

  say(text: string, action: "" | "handoff" = "", files?: Attachment[], cards?: Card[]): void {
    this.mine.add(text, action, Date.now(), files, cards);
    clearTimeout(this.previewTimer);
    this.typedAt = 0;
    this.flush();
    this.changed();
  }

  retry(id: string): void {
    const entry = [...this.left, this.mine].map((box) => box.drop(id)).find(Boolean);
    if (entry) this.say(entry.text, entry.action, entry.files, entry.cards);
  }

  drop(id: string): void {
    for (const box of [...this.left, this.mine]) box.drop(id);
    this.changed();
  }

  get base(): string {
    return this.options.base;
  }

  /** Uploads a file and sends it. What the desk says against it is thrown as Refused. */
  async attach(file: File): Promise<void> {
    this.say("", "", [await upload(this.options.base, this.token, this.options.lang, file)]);
  }

  readonly links: Links = (id) =>
    visitorCall(this.options.base, `files/${id}/link`, this.token, this.options.lang, undefined);

  /** `text`: what stands in the input; it is sent only where the welcome says that people see it. */
  typed(on: boolean, text = ""): void {
    clearTimeout(this.previewTimer);
    const now = Date.now();
    const preview = on && this.previews ? [...text].slice(-PREVIEW_CHARS).join("") : "";
    const every = this.previews ? PREVIEW_EVERY_MS : TYPING_EVERY_MS;
    if (on ? now - this.typedAt < every : this.typedAt === 0) {
      // what was typed last must not be missing from the preview
      if (preview) this.previewTimer = setTimeout(() => this.typed(true, text), every - (now - this.typedAt));
      return;
    }
    this.typedAt = on ? now : 0;
    if (this.conversation) this.connection.send({ type: "typing", on, ...(preview && { text: preview }) });
  }

  /** People here see what is being typed. */
  get previews(): boolean {
    return this.welcome?.typing_preview === true;
  }

  /** All that is shown has been seen. */
  seen(): void {
    const seq = this.timeline.contiguous;
    if (seq <= Math.max(this.readUpTo, this.conversation?.read_by_contact_seq ?? 0)) return;
    if (this.connection.send({ type: "read", seq })) {
      this.readUpTo = seq;
      this.changed();
    }
  }

  older(): void {
    if (!this.more || this.loading) return;
    this.loading = this.connection.send({ type: "history", before: this.timeline.oldest, limit: PAGE });
    this.changed();
  }

  /** True while nobody behind this inbox is at work, as far as is known here. */
  get closed(): boolean {
    const hours = this.welcome?.hours;
    return hours !== undefined && !hours.open && !(hours.opens_at && Date.parse(hours.opens_at) <= Date.now());
  }

  /** Says how it was. */
  rate(score: number, comment: string): boolean {
    if (!this.csat || this.csat.score) return false;
    return this.connection.send({ type: "rate", conversation: this.csat.conversation, score, comment });
  }

  /** Leaves a message with where to reach its author; what the desk says against it is thrown as Refused. The
   * message itself arrives like every other. */
  async leave(text: string, contact: Partial<Record<FormField, string>>, id: string): Promise<void> {
    const { base, lang } = this.options;
    await visitorCall<Ack>(base, "offline-form", this.token, lang, { client_msg_id: id, text, ...contact });
  }

  private hello(): Hello {
    const { inbox, lang, customer } = this.options;
    const hello: Hello = { type: "hello", v: 1, role: "visitor", inbox, lang, page: this.options.page() };
    this.freshIdentity = !this.token;
    if (this.token) hello.token = this.token;
    if (customer) hello.customer = customer;
    if (this.timeline.conversation && this.timeline.contiguous) {
      hello.conversation = this.timeline.conversation;
      hello.after = this.timeline.contiguous;
    }
    return hello;
  }

  /** Tells which page the visitor is on while they are in a conversation; once more when they come back to it. */
  private look(): void {
    if (document.hidden) this.lookedAt = "";
    else if (this.welcome?.pages !== false && this.conversation && this.conversation.holder !== "none") {
      const page = this.options.page();
      if (page && page.url !== this.lookedAt && this.connection.send({ type: "page", ...page })) this.lookedAt = page.url;
    }
  }

  private take(frame: ServerFrame): void {
    switch (frame.type) {
      case "welcome":
        this.welcomed(frame);
        break;
      case "ack": {
        const entry = this.pending.find((each) => each.id === frame.client_msg_id);
        this.stored(frame.client_msg_id);
        if (!entry) break;
        this.arrived({
          conversation: frame.conversation, seq: frame.seq, direction: "incoming", sender: "contact",
          text: entry.text, at: frame.at, client_msg_id: entry.id,
          ...(entry.files && { attachments: entry.files }), ...(entry.cards && { cards: entry.cards }),
        });
        break;
      }
      case "message":
        if (frame.client_msg_id) this.stored(frame.client_msg_id);
        this.arrived(frame);
        break;
      case "messages":
        this.page(frame);
        break;
      case "delta":
        if (frame.epoch < (this.conversation?.epoch ?? 0)) break;
        this.typing = false;
        this.drafts.set(frame.answer_id,
          (this.drafts.get(frame.answer_id) ?? "").slice(0, frame.offset) + frame.text);
        break;
      case "withdrawn":
        this.drafts.delete(frame.answer_id);
        break;
      case "typing":
        this.typing = frame.on !== false && frame.sender !== "contact";
        clearTimeout(this.typingTimer);
        if (this.typing) this.typingTimer = setTimeout(() => this.quiet(), TYPING_GONE_MS);
        break;
      case "read":
        if (this.conversation && frame.conversation === this.conversation.id) {
          const name = frame.by === "agent" ? "read_by_agent_seq" : "read_by_contact_seq";
          this.conversation[name] = Math.max(this.conversation[name] ?? 0, frame.seq);
        }
        break;
      case "conversation":
        this.state(frame.conversation);
        break;
      case "recalled":
        if (frame.conversation === this.timeline.conversation) this.timeline.recalled(frame.seq);
        break;
      case "csat":
        if (frame.conversation === this.csat?.conversation) break;
        if (frame.conversation >= this.timeline.conversation) {
          this.csat = { conversation: frame.conversation, question: frame.question, score: 0 };
        }
        break;
      case "rated":
        if (this.csat?.conversation === frame.conversation) this.csat = { ...this.csat, score: frame.score };
        break;
      case "error":
        this.refused(frame.error, frame.client_msg_id ?? "");
    }
    this.changed();
  }

  private welcomed(welcome: Welcome): void {
    this.welcome = welcome;
    this.drafts.clear(); // drafts are not resumed
    if (welcome.token && welcome.token !== this.token) {
      this.token = welcome.token;
      set(`${this.key}:token`, this.token);
    }
    // The server knows nothing of an earlier stream of a visitor it has just met.
    if (this.freshIdentity && !this.timeline.conversation) for (const box of this.boxes()) box.renumber();
    const had = this.timeline.contiguous > 0 && this.timeline.conversation === welcome.conversation?.id;
    if (welcome.conversation) {
      this.state(welcome.conversation);
      if (welcome.csat) this.take({ type: "csat", conversation: welcome.conversation.id, question: welcome.csat });
      if (!had) this.loading = this.connection.send({ type: "history", limit: PAGE });
    }
    this.flush();
  }

  private state(conversation: ConversationState): void {
    if (this.conversation && conversation.id < this.conversation.id) return;
    if (conversation.epoch > (this.conversation?.epoch ?? 0)) this.drafts.clear();
    const place = conversation.queue ?? (this.conversation?.id === conversation.id ? this.conversation.queue : undefined);
    this.conversation = { ...conversation };
    if (place && conversation.holder === "queue") this.conversation.queue = place;
    else delete this.conversation.queue;
    this.follow(conversation.id);
  }

  private follow(id: number): void {
    if (!this.timeline.follow(id)) return;
    // A new conversation shows itself by its first message; until the server says more, the bot has it.
    if (this.conversation?.id !== id) this.conversation = { id, status: "pending", holder: "bot", epoch: 0, last_seq: 0 };
    this.drafts.clear();
    if (this.csat && this.csat.conversation < id) this.csat = null;
    this.more = false;
    this.readUpTo = 0;
  }

  private arrived(message: Parameters<Timeline["live"]>[0]): void {
    if (message.conversation < this.timeline.conversation) return;
    this.follow(message.conversation);
    const complete = this.timeline.live(message);
    if (!complete && !this.loading) this.connection.send({ type: "resume", after: this.timeline.contiguous });
    if (message.direction === "outgoing") {
      this.typing = false;
      if (message.answer_id) this.drafts.delete(message.answer_id);
    }
  }

  private page(frame: ServerFrame & { type: "messages" }): void {
    for (const item of frame.items) if (item.client_msg_id) this.stored(item.client_msg_id);
    if (frame.conversation && frame.conversation < this.timeline.conversation) return;
    if (frame.items.length) this.follow(frame.conversation);
    if (frame.reason === "history") {
      this.timeline.page(frame.items);
      this.more = frame.more === true;
      this.loading = false;
      if (this.timeline.gap) this.connection.send({ type: "resume", after: this.timeline.contiguous });
    } else {
      this.timeline.resumed(frame.items, frame.last_seq, frame.more === true);
      this.loading = false;
    }
  }

  private refused(error: ErrorBody, id: string): void {
    const box = this.boxes().find((each) => each.entries.some((entry) => entry.id === id));
    if (!box) return;
    if (error.code === "out_of_order") box.renumber();
    else if (error.retry === "never") box.refused(id, error.message);
    else {
      box.postponed(id);
      this.slowed = true;
      clearTimeout(this.retryTimer);
      this.retryTimer = setTimeout(() => {
        this.slowed = false;
        this.flush();
        this.changed();
      }, (error.retry_after_s ?? 1) * 1000);
      return;
    }
    this.flush();
  }

  private stored(id: string): void {
    for (const box of this.boxes()) box.stored(id);
    this.left = this.left.filter((box) => !box.empty);
    this.flush();
  }

  private boxes(): Outbox[] {
    return [...this.left, this.mine];
  }

  /** Sends the head of the first box that holds something: one message under way at a time. */
  private flush(): void {
    if (this.connection.phase !== "online" || this.slowed) return;
    for (const box of this.boxes()) {
      if (box.entries.every((entry) => entry.failed)) continue;
      const frame = box.next();
      if (frame) this.connection.send(frame);
      return;
    }
  }

  private lost(): void {
    for (const box of this.boxes()) box.lost();
    clearTimeout(this.retryTimer);
    this.slowed = false;
    this.loading = false;
    if (!this.csat?.score) this.csat = null; // it is asked again by the next welcome
    this.quiet();
    this.drafts.clear();
  }

  private quiet(): void {
    this.typing = false;
    this.changed();
  }

  /** The kept token is worth nothing any more (the server's key was replaced): be a new visitor,
   * once. A bad signature of the shop's own customer is the shop's to mend. */
  private anotherIdentity(code: number): boolean {
    const badToken = code === 4502 || this.connection.error?.code === "bad_identity";
    if (!badToken || !this.token || this.options.customer) return false;
    this.token = "";
    set(`${this.key}:token`, "");
    return true;
  }

  /** Another page of this visitor got its identity first: nothing was said here yet, so share it. */
  private otherPage(event: StorageEvent): void {
    if (event.key !== `${this.key}:token` || !event.newValue || event.newValue === this.token) return;
    if (this.conversation || this.pending.length) return;
    this.token = event.newValue;
    if (this.phase !== "idle") this.connection.restart();
  }
}
