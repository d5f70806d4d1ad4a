/** Launcher and panel: everything around the log. */

import { Client, type ClientOptions } from "./client";
import { h, icon } from "./dom";
import { chooser } from "./files";
import { Refused } from "./link";
import type { Key, Lang, Translate } from "./i18n";
import { backAt, leaving, rating } from "./forms";
import { Log } from "./log";
import { offering } from "./offer";
import { get, set } from "./storage";
import { css } from "./style";
import type { Card } from "./wire";

/** Short breaks are healed before anybody should read about them. */
const BANNER_AFTER_MS = 700;
const DEFAULT_MAX_CHARS = 4000;

export class Panel {
  private readonly host = h("div", { "data-zhike": "" });
  private readonly root = this.host.attachShadow({ mode: "open" });
  private readonly launch: HTMLButtonElement;
  private readonly badge = h("span", { class: "badge", hidden: true });
  private readonly client: Client;
  private readonly drawer: { panel: HTMLElement; log: Log; draw(): void; focus(): void }[] = [];
  private frame = 0;
  private shown = false;

  constructor(
    private readonly options: ClientOptions & { lang: Lang },
    private readonly t: Translate,
  ) {
    this.host.lang = options.lang === "zh" ? "zh-CN" : "en";
    this.launch = h("button", {
      class: "launch", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false",
      "aria-label": t("open"), onclick: () => this.toggle(),
    }, icon("chat", 26), this.badge);
    const wrapper = h("div", { class: "box" }, this.launch);
    this.root.append(h("style", {}, css), wrapper);
    this.client = new Client(options, () => this.changed());
    document.body.append(this.host);
    if (this.client.known) this.client.start();
    if (get(this.openKey, "session") && innerWidth >= 480) this.open(false);
  }

  toggle(): void {
    if (this.shown) this.close();
    else this.open();
  }

  open(focus = true): void {
    if (this.shown) return;
    this.shown = true;
    this.client.start();
    if (!this.drawer[0]) this.drawer.push(this.build());
    const { panel, log, draw, focus: focusInput } = this.drawer[0]!;
    panel.hidden = false;
    this.mark();
    draw();
    log.toEnd();
    // On a phone the keyboard would cover the greeting; there the visitor taps first.
    if (focus && matchMedia("(pointer: coarse)").matches) panel.focus();
    else if (focus) focusInput();
    this.seen();
  }

  close(): void {
    const panel = this.drawer[0]?.panel;
    if (!this.shown || !panel) return;
    this.shown = false;
    panel.hidden = true;
    this.mark();
    this.launch.focus();
  }

  /** The visitor looks at this (null: at nothing in particular). */
  card(card: Card | null): void {
    this.client.offer = card;
    this.changed();
  }

  destroy(): void {
    this.client.stop();
    this.host.remove();
  }

  private get openKey(): string {
    return `zhike:${this.options.inbox}:open`;
  }

  private mark(): void {
    set(this.openKey, this.shown ? "1" : "", "session");
    this.host.shadowRoot?.querySelector(".box")?.classList.toggle("open", this.shown);
    this.launch.setAttribute("aria-expanded", String(this.shown));
    this.launch.replaceChildren(icon(this.shown ? "down" : "chat", 26), this.badge);
    this.drawBadge();
  }

  private changed(): void {
    // One drawing per frame however many frames arrived; hidden pages get a timer instead.
    if (this.frame) return;
    const run = (): void => {
      this.frame = 0;
      this.drawBadge();
      this.drawer[0]?.draw();
      this.seen();
    };
    this.frame = document.hidden ? window.setTimeout(run, 50) : requestAnimationFrame(run);
  }

  private drawBadge(): void {
    const count = this.shown ? 0 : this.client.unread;
    this.badge.hidden = count === 0;
    this.badge.textContent = count > 99 ? "99+" : String(count);
    const label = this.shown ? this.t("close") : count ? this.t("openUnread", { n: count }) : this.t("open");
    this.launch.setAttribute("aria-label", label);
  }

  private seen(): void {
    if (this.shown && document.visibilityState === "visible" && this.drawer[0]?.log.atEnd()) this.client.seen();
  }

  private build(): (typeof this.drawer)[number] {
    const { t, client } = this;
    const log = new Log(client, { t }, this.options.lang);
    const title = h("h2", { id: "title" }, t("title"));
    const status = h("p", { "aria-live": "polite" }, "");
    const place = h("div", { class: "place", role: "status", hidden: true });
    const bar = h("div", { class: "bar", role: "status", hidden: true });
    const human = h("button", { class: "human", type: "button", onclick: () => {
      client.say(t("personSaid"), "handoff");
      log.toEnd();
    } }, icon("person", 16), t("person"));
    const count = h("span", { class: "count", role: "status" });
    const input = h("textarea", { rows: 1, "aria-label": t("placeholder"), placeholder: t("placeholder"),
      enterkeyhint: "send", autocomplete: "off" });
    const go = h("button", { class: "go", type: "submit", "aria-label": t("send"), disabled: true }, icon("send"));
    const leave = h("button", { class: "human2", type: "button", hidden: true, onclick: () => form.open() }, icon("mail", 16), t("leave"));
    const away = h("span", { class: "away" });
    const told = h("p", { class: "told", hidden: true }, t("preview"));
    const tools = h("div", { class: "tools" }, human, leave, away, count);
    const stars = rating(client, t);
    const offer = offering(client, t, () => {
      log.toEnd();
      input.focus({ preventScroll: true });
    });
    const form = leaving(client, t, () => input.focus({ preventScroll: true }));
    const draftKey = `zhike:${this.options.inbox}:draft`;
    input.value = get(draftKey, "session");

    const over = (): number => input.value.trim().length - (client.welcome?.max_text_chars || DEFAULT_MAX_CHARS);
    const typed = (): void => {
      set(draftKey, input.value, "session");
      input.style.height = "";
      if (input.scrollHeight > input.clientHeight) input.style.height = `${input.scrollHeight}px`;
      count.textContent = over() > 0 ? t("tooLong", { n: over() }) : "";
      go.disabled = !input.value.trim() || over() > 0;
    };
    const submit = (): void => {
      if (go.disabled) return;
      client.say(input.value.trim());
      input.value = "";
      typed();
      log.toEnd();
    };
    let uploads: Promise<unknown> = Promise.resolve();
    const attach = (file: File): void => {
      // one after the other: they arrive in the order in which they were chosen
      uploads = uploads.then(async () => {
        count.textContent = t("uploading", { name: file.name });
        tools.classList.remove("none");
        try {
          await client.attach(file);
          count.textContent = "";
        } catch (refused) {
          const error = refused instanceof Refused ? refused.body : null;
          count.textContent = error ? `${file.name}: ${error.message} ${error.help ?? ""}` : t("notSent");
        }
        log.toEnd();
        this.changed();
      });
    };
    input.addEventListener("input", () => {
      typed();
      client.typed(input.value !== "", input.value);
    });
    input.addEventListener("blur", () => client.typed(false));
    input.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      submit();
    });
    const line = h("form", { class: "line", onsubmit: (event: Event) => {
      event.preventDefault();
      submit();
      input.focus();
    } }, input, go);
    line.prepend(chooser(t("attach"), line, attach));

    const panel = h("div", { class: "panel", role: "dialog", "aria-labelledby": "title", tabindex: -1 },
      h("div", { class: "head" }, h("div", {}, title, status),
        h("button", { class: "iconb", type: "button", "aria-label": t("close"), onclick: () => this.close() },
          icon("close"))),
      bar, place, log.element, stars.element, form.element, offer.element,
      h("div", { class: "foot" }, tools, told, line));
    panel.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the host page's shortcuts are not meant here
      if (event.key === "Escape" && !event.isComposing) this.close();
    });
    this.root.querySelector(".box")?.prepend(panel);
    followKeyboard(panel);
    typed();

    let barTimer: ReturnType<typeof setTimeout> | undefined;
    let barKey = "";
    const showBar = (): void => {
      clearTimeout(barTimer);
      barTimer = undefined;
      const notice = noticeOf(client, t);
      bar.hidden = notice.text === "";
      bar.className = notice.bad ? "bar bad" : "bar";
      bar.replaceChildren(h("span", {}, notice.text));
      if (notice.bad) bar.append(h("button", { type: "button", onclick: () => client.reconnect() }, t("again")));
    };
    const draw = (): void => {
      title.textContent = client.welcome?.name || t("title");
      const [words, state] = statusOf(client);
      status.textContent = t(words, { name: client.conversation?.agent_name ?? "" });
      status.dataset["state"] = state;
      const where = placeOf(client, t);
      if (place.textContent !== where) place.textContent = where;
      place.hidden = where === "";
      const byPeople = client.conversation?.holder === "queue" || client.conversation?.holder === "agent";
      const opensAt = client.welcome?.hours?.opens_at;
      leave.hidden = !client.closed || !client.welcome?.offline_form || byPeople;
      human.hidden = byPeople || !leave.hidden;
      away.textContent = !client.closed ? "" : opensAt ? t("awayUntil", { time: backAt(opensAt, this.options.lang) }) : t("away");
      tools.classList.toggle("none", byPeople && !client.closed && over() <= 0 && !count.textContent);
      told.hidden = !client.previews;
      const atEnd = log.atEnd();
      stars.draw();
      offer.draw();
      if (atEnd) log.toEnd();
      const notice = noticeOf(client, t);
      if (notice.text !== barKey) {
        barKey = notice.text;
        if (notice.bad || !notice.text || !bar.hidden) showBar();
        else barTimer ??= setTimeout(showBar, BANNER_AFTER_MS);
      }
      log.draw();
    };
    return { panel, log, draw, focus: () => input.focus({ preventScroll: true }) };
  }
}

function statusOf(client: Client): [Key, "on" | "wait" | ""] {
  if (client.phase !== "online") return ["statusReady", ""];
  switch (client.conversation?.holder) {
    case "queue":
      return ["statusQueue", "wait"];
    case "agent":
      return ["statusAgent", "on"];
    case "none":
      return ["statusNone", ""];
    default:
      return ["statusBot", "on"];
  }
}

/** Where the visitor stands who waits for a person; "" = nobody has said. */
function placeOf(client: Client, t: Translate): string {
  const place = client.conversation?.queue;
  if (!place) return "";
  const values = { n: place.position, m: Math.round((place.estimate_s ?? 0) / 60) };
  if (place.estimate_s !== null) return t("placeEstimate", values);
  return t(place.position === 1 ? "placeNext" : "place", values);
}

function noticeOf(client: Client, t: Translate): { text: string; bad: boolean } {
  const words: Partial<Record<Client["phase"], Key>> = {
    connecting: "connecting", starting: "starting", waiting: "reconnecting", offline: "offline",
  };
  if (client.phase === "stopped") {
    const error = client.error;
    return { text: error ? `${error.message} ${error.help ?? ""}`.trim() : t("stopped"), bad: true };
  }
  const key = words[client.phase];
  if (key) return { text: t(client.phase === "connecting" && client.welcome ? "reconnecting" : key), bad: false };
  return { text: client.slowed ? t("slowed") : "", bad: false };
}

/** The keyboard of a phone covers the page instead of shrinking it: follow what is visible. */
function followKeyboard(panel: HTMLElement): void {
  const visible = window.visualViewport;
  visible?.addEventListener("resize", () => panel.style.setProperty("--vh", `${visible.height}px`));
}
