/** One message as it stands in the log. */

import type { Entry } from "./outbox";
import { h, icon } from "./dom";
import { filesOf, type Links } from "./files";
import type { Translate } from "./i18n";
import { pieces, safeUrl } from "./linkify";
import type { Button, Card, MessageView } from "./wire";

/** Longer texts are folded; whoever wants all of it taps. */
const FOLD_CHARS = 700;

export interface Shown {
  t: Translate;
  time(at: string): string;
  exact(at: string): string;
  base: string;
  links: Links;
  say(text: string): void;
  retry(id: string): void;
  drop(id: string): void;
}

function body(text: string, on: Shown): HTMLElement {
  const bubble = h("div", { class: "bub" });
  for (const piece of pieces(text)) {
    bubble.append(
      piece.href
        ? h("a", { href: piece.href, target: "_blank", rel: "noopener noreferrer nofollow" }, piece.text)
        : piece.text,
    );
  }
  if (text.length <= FOLD_CHARS && text.split("\n").length < 20) return bubble;
  // The padding of the bubble would show the line after the last, so the clip goes inside it.
  const clip = h("div", { class: "clip" });
  clip.append(...bubble.childNodes);
  bubble.append(clip);
  const fold = h("button", {
    class: "fold", type: "button", "aria-expanded": "false",
    onclick: () => {
      const folded = clip.classList.toggle("clip");
      fold.setAttribute("aria-expanded", String(!folded));
      fold.textContent = on.t(folded ? "more" : "less");
    },
  }, on.t("more"));
  const both = h("div", {});
  both.append(bubble, fold);
  return both;
}

export function buttons(list: readonly Button[], on: Shown): HTMLElement {
  const box = h("div", { class: "acts" });
  for (const each of list) {
    const url = each.url && safeUrl(each.url, location.href);
    box.append(
      url
        ? h("a", {
            class: "act", href: url, target: "_blank", rel: "noopener noreferrer",
            "aria-label": `${each.label} (${on.t("opensNew")})`,
          }, each.label)
        : h("button", { class: "act", type: "button", onclick: () => on.say(each.text || each.label) }, each.label),
    );
  }
  return box;
}

/** Pictures, links, products and orders. What does not load leaves its words. */
export function cards(list: readonly Card[], on: Pick<Shown, "t">): HTMLElement {
  const box = h("div", { class: "cards" });
  for (const { kind, url = "", image = kind === "image" ? url : "", title, text, price, status, ref, fields } of list) {
    const href = url && safeUrl(url, location.href);
    const src = image && safeUrl(image, location.href);
    const link = h(href ? "a" : "div", { class: `card ${kind}`, href, target: "_blank", rel: "noopener noreferrer" });
    if (src) {
      link.append(h("img", { src, alt: title ?? "", loading: "lazy", referrerpolicy: "no-referrer",
        onerror: (event: Event) => (event.target as HTMLElement).remove() }));
    }
    const more = [price, ref !== title && ref, status].filter(Boolean).join(" · ");
    link.append(h("b", {}, title), h("span", {}, text), h("span", {}, more));
    for (const { label, value } of fields ?? []) link.append(h("span", {}, `${label}  ${value}`));
    if (href) link.append(h("span", { class: "sr" }, ` (${on.t("opensNew")})`));
    box.append(link);
  }
  return box;
}

function who(message: MessageView, on: Shown): HTMLElement {
  const bot = message.sender === "bot";
  const name = bot ? on.t("bot") : message.sender_name || on.t("agent");
  const mark = h("i", { "aria-hidden": "true" });
  mark.append(bot ? icon("bot", 14) : (Array.from(name)[0] ?? ""));
  return h("div", { class: "who" }, mark, h("span", {}, name),
    message.ai && h("span", { class: "tag" }, on.t("ai")));
}

/** A stored message. `first`: the first of a run by the same sender, which gets the name. */
export function storedRow(message: MessageView, first: boolean, on: Shown): HTMLElement {
  const { t } = on;
  const mine = message.direction === "incoming";
  const kind = mine ? "me" : message.sender;
  const row = h("div", { class: `row ${kind}${first ? " first" : ""}`, "data-seq": message.seq });
  if (mine) row.append(h("span", { class: "sr" }, `${t("you")}: `));
  else if (message.sender !== "system" && (first || message.ai)) row.append(who(message, on));
  if (message.recalled) row.append(h("div", { class: "bub gone" }, t("recalled")));
  // A person's cards are all that their message says; its text says the same in words.
  else if (message.sender !== "bot" && message.cards?.length) row.classList.add("shows");
  else if (message.text || !message.attachments) row.append(body(message.text, on));
  if (message.attachments?.length) row.append(filesOf(message.attachments, on.base, on.links, on.t));
  if (message.cards?.length && !message.recalled) row.append(cards(message.cards, on));
  const { kind: from, title: one, cites } = message.source ?? {};
  const title = from === "article" ? one : cites?.join(on.t("comma"));
  if (title) row.append(h("div", { class: "src" }, t("source", { title })));
  if (message.buttons?.length) row.append(buttons(message.buttons, on));
  if (message.sender !== "system") {
    row.append(h("div", { class: "meta", title: on.exact(message.at) }, h("span", {}, on.time(message.at)),
      mine && h("span", { class: "mark" })));
  }
  return row;
}

/** What was said and is not stored yet: grey; refused: red, with a way on. */
export function pendingRow(entry: Entry, on: Shown): HTMLElement {
  const { t } = on;
  const row = h("div", { class: `row me first ${entry.failed ? "fail" : "wait"}`, "data-id": entry.id });
  row.append(entry.cards ? cards(entry.cards, on)
    : body(entry.text || (entry.files ?? []).map((file) => file.name).join(" · "), on));
  row.append(
    entry.failed
      ? h("div", { class: "meta bad", role: "alert" }, h("span", {}, t("failed", { why: entry.failed })),
          h("button", { type: "button", onclick: () => on.retry(entry.id) }, t("retry")),
          h("button", { type: "button", onclick: () => on.drop(entry.id) }, t("discard")))
      : h("div", { class: "meta" }, h("span", {}, t("sending"))),
  );
  return row;
}

export function draftRow(text: string, on: Shown): HTMLElement {
  const row = h("div", { class: "row bot first draft", "aria-hidden": "true" });
  row.append(h("div", { class: "who" }, h("i", {}, icon("bot", 14)), h("span", {}, on.t("bot")),
    h("span", { class: "tag" }, on.t("ai"))), body(text, on));
  return row;
}

export function typingRow(on: Shown): HTMLElement {
  return h("div", { class: "row bot first" },
    h("div", { class: "bub" }, h("span", { class: "sr" }, on.t("typing")),
      h("span", { class: "dots", "aria-hidden": "true" }, h("b"), h("b"), h("b"))));
}
