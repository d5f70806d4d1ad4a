/** The list of messages. Rows that stand are never touched again (screen readers announce only
 * what is new, and nothing moves under the finger); only the tail is drawn anew. */

import type { Client } from "./client";
import { h, icon } from "./dom";
import type { Lang } from "./i18n";
import { buttons, draftRow, pendingRow, storedRow, typingRow, type Shown } from "./message";
import type { MessageView } from "./wire";

/** This close to the end counts as "at the end": new messages then scroll into view. */
const NEAR_PX = 60;
/** A run of one sender is broken by a pause this long. */
const RUN_MS = 5 * 60_000;

export class Log {
  readonly element: HTMLElement;
  private readonly list: HTMLElement;
  private readonly tail: HTMLElement;
  private readonly below: HTMLElement;
  private readonly olderButton: HTMLButtonElement;
  private readonly shown: Shown;
  private readonly rows = new Map<number, HTMLElement>();
  private conversation = 0;
  /** An earlier conversation stands above. */
  private above = false;
  private greeted = "";
  private last: MessageView | null = null;
  private tailKey = "";

  constructor(
    private readonly client: Client,
    shown: Pick<Shown, "t">,
    private readonly lang: Lang,
  ) {
    const { t } = shown;
    const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const full = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "medium" });
    this.shown = {
      t,
      time: (at) => clock.format(new Date(at)),
      exact: (at) => full.format(new Date(at)),
      base: client.base,
      links: client.links,
      say: (text) => client.say(text),
      retry: (id) => client.retry(id),
      drop: (id) => client.drop(id),
    };
    this.olderButton = h("button", { class: "more", type: "button", onclick: () => client.older() }, t("older"));
    this.tail = h("div", { style: "display:contents" });
    this.list = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": t("log"), tabindex: 0 },
      this.olderButton, this.tail);
    this.below = h("button", { class: "below", type: "button", hidden: true, onclick: () => this.toEnd() },
      icon("down", 16), t("newBelow"));
    this.element = h("div", { class: "wrap" }, this.list, this.below);
    this.list.addEventListener("scroll", () => {
      if (this.atEnd()) this.below.hidden = true;
    }, { passive: true });
  }

  atEnd(): boolean {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR_PX;
  }

  toEnd(): void {
    this.list.scrollTop = this.list.scrollHeight;
    this.below.hidden = true;
  }

  draw(): void {
    const { client } = this;
    const stay = this.atEnd();
    const heightBefore = this.list.scrollHeight;
    const topBefore = this.list.scrollTop;
    const pendingBefore = this.tailKey;
    if (client.timeline.conversation !== this.conversation) this.begin();
    const added = this.drawStored();
    this.drawMarks();
    this.drawTail();
    this.olderButton.hidden = !client.more;
    this.olderButton.textContent = this.shown.t(client.loading ? "loading" : "older");
    if (added === "above") this.list.scrollTop = topBefore + this.list.scrollHeight - heightBefore;
    else if (stay || (client.pending.length > 0 && pendingBefore !== this.tailKey)) this.toEnd();
    else if (added === "below") this.below.hidden = false;
  }

  /** Another conversation: what was said before stays in sight, above. */
  private begin(): void {
    this.conversation = this.client.timeline.conversation;
    this.above = this.rows.size > 0;
    this.rows.clear();
    this.last = null;
  }

  private drawStored(): "" | "above" | "below" {
    const { messages, contiguous } = this.client.timeline;
    // What lies beyond a gap waits until the gap is filled.
    const fresh = messages.filter((m) => !this.rows.has(m.seq) && m.direction !== "note" && m.seq <= contiguous);
    const [firstHeld] = this.rows.keys();
    const older = firstHeld === undefined ? [] : fresh.filter((message) => message.seq < firstHeld);
    let added: "" | "above" | "below" = "";
    for (const message of fresh.slice(older.length)) {
      this.tail.before(...this.row(message, this.last));
      this.last = message;
      if (message.direction === "outgoing") added = "below";
    }
    return older.length ? this.drawOlder(older) : added;
  }

  private drawOlder(older: readonly MessageView[]): "above" {
    const held = [...this.rows];
    const below = held[0]?.[1];
    const line = below?.previousElementSibling;
    const day = line?.classList.contains("day") ? line : null;
    this.rows.clear();
    let previous: MessageView | null = null;
    for (const message of older) {
      for (const node of this.row(message, previous)) this.list.insertBefore(node, day ?? below ?? null);
      previous = message;
    }
    if (previous && day?.textContent === this.day(Date.parse(previous.at))) day.remove();
    for (const [seq, row] of held) this.rows.set(seq, row);
    return "above";
  }

  private row(message: MessageView, previous: MessageView | null): HTMLElement[] {
    const at = Date.parse(message.at);
    const gap = previous ? at - Date.parse(previous.at) : Infinity;
    const first = !previous || previous.sender !== message.sender || gap > RUN_MS
      || previous.sender_name !== message.sender_name;
    const row = storedRow(message, first, this.shown);
    this.rows.set(message.seq, row);
    const day = this.day(at);
    if (previous && this.day(Date.parse(previous.at)) === day) return [row];
    const again = !previous && this.above;
    return [h("div", { class: "day" }, again ? `${this.shown.t("newTalk")} · ${day}` : day), row];
  }

  private day(at: number): string {
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
    if (days === 0) return this.shown.t("today");
    if (days === 1) return this.shown.t("yesterday");
    const date = new Date(at);
    const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
    return new Intl.DateTimeFormat(this.lang, { month: "long", day: "numeric", weekday: "short", year }).format(date);
  }

  private drawMarks(): void {
    for (const message of this.client.timeline.messages) {
      const row = message.recalled ? this.rows.get(message.seq) : undefined;
      if (!row || row.dataset["gone"]) continue;
      const anew = storedRow(message, row.classList.contains("first"), this.shown);
      anew.dataset["gone"] = "1";
      row.replaceWith(anew);
      this.rows.set(message.seq, anew);
    }
    const read = this.client.conversation?.read_by_agent_seq ?? 0;
    for (const [seq, row] of this.rows) {
      const mark = row.querySelector<HTMLElement>(".mark");
      if (!mark) continue;
      const name = seq <= read ? "read" : "stored";
      if (mark.dataset["state"] === name) continue;
      mark.dataset["state"] = name;
      mark.textContent = name === "read" ? "✓✓" : "✓";
      mark.title = this.shown.t(name);
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", this.shown.t(name));
    }
  }

  /** Greeting, what is being sent, drafts, "writing". Drawn anew only when it changed. */
  private drawTail(): void {
    const { client } = this;
    const { welcome } = client;
    const empty = this.rows.size === 0 && !client.loading;
    const beginning = empty || (!client.more && !client.loading);
    if (welcome?.greeting && beginning && !this.greeted) {
      this.greeted = welcome.greeting;
      const greeting = storedRow({ conversation: 0, seq: 0, direction: "outgoing", sender: "bot",
        text: welcome.greeting, at: welcome.server_time }, true, this.shown);
      greeting.querySelector(".meta")?.remove();
      this.olderButton.after(greeting);
    }
    const key = JSON.stringify([empty && welcome?.suggestions, client.pending, [...client.drafts], client.typing]);
    if (key === this.tailKey) return;
    this.tailKey = key;
    this.tail.replaceChildren();
    if (empty && client.pending.length === 0 && welcome?.suggestions?.length) {
      this.tail.append(h("div", { class: "row" },
        buttons(welcome.suggestions.map((label) => ({ label })), this.shown)));
    }
    for (const entry of client.pending) this.tail.append(pendingRow(entry, this.shown));
    for (const text of client.drafts.values()) this.tail.append(draftRow(text, this.shown));
    if (client.typing && client.drafts.size === 0) this.tail.append(typingRow(this.shown));
  }
}
