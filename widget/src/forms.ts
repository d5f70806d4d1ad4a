/** What a visitor fills in beside the log: how it was, and a message while nobody is at work. */

import type { Client } from "./client";
import { h } from "./dom";
import type { Key, Translate } from "./i18n";
import { Refused } from "./link";
import { randomId } from "./storage";
import type { FormField } from "./wire";

const STARS = [1, 2, 3, 4, 5];
const TYPES: Record<FormField, { type: string; autocomplete: string; label: Key }> = {
  name: { type: "text", autocomplete: "name", label: "name" },
  email: { type: "email", autocomplete: "email", label: "email" },
  phone: { type: "tel", autocomplete: "tel", label: "phone" },
};

export interface Card {
  element: HTMLElement;
  draw(): void;
}

/** Five stars and, once one was chosen, room for a word. Asked about each conversation once. */
export function rating(client: Client, t: Translate): Card {
  const element = h("section", { class: "card-in", hidden: true });
  let shown = "";
  let put = 0;
  const draw = (): void => {
    const asked = client.csat;
    const open = asked !== null && asked.conversation !== put && client.conversation?.holder === "none";
    element.hidden = !open;
    const key = open ? `${asked.conversation}:${asked.score}` : "";
    if (key === shown) return;
    shown = key;
    element.replaceChildren();
    if (!open) return;
    if (asked.score) {
      element.append(h("p", { role: "status" }, t("rated")));
      return;
    }
    let chosen = 0;
    const more = h("textarea", { rows: 2, maxlength: 1000, hidden: true, "aria-label": t("rateMore"), placeholder: t("rateMore") });
    const send = h("button", { class: "main", type: "submit", hidden: true }, t("rateSend"));
    const stars = STARS.map((n) => h("button", {
      class: "star", type: "button", "aria-pressed": "false", "aria-label": t("star", { n }),
      onclick: () => {
        chosen = n;
        stars.forEach((star, index) => {
          star.textContent = index < n ? "★" : "☆";
          star.setAttribute("aria-pressed", String(index + 1 === n));
        });
        more.hidden = send.hidden = false;
      },
    }, "☆"));
    element.setAttribute("aria-label", asked.question);
    element.append(h("form", { onsubmit: (event: Event) => {
      event.preventDefault();
      send.disabled = client.rate(chosen, more.value.trim());
    } }, h("p", {}, asked.question), h("div", { class: "stars", role: "group", "aria-label": asked.question }, ...stars), more,
      h("div", { class: "ends" }, h("button", { class: "plain", type: "button", onclick: () => {
        put = asked.conversation;
        draw();
      } }, t("later")), send)));
  };
  return { element, draw };
}

/** The form for a message while nobody is at work. */
export function leaving(client: Client, t: Translate, done: () => void): Card & { open(): void } {
  const element = h("section", { class: "card-in", hidden: true, "aria-label": t("leave") });
  let id = "";
  const open = (): void => {
    id = randomId(); // one message, however often it is sent
    const fields = client.welcome?.offline_form ?? [];
    const text = h("textarea", { rows: 3, required: true, "aria-label": t("leaveText"), placeholder: t("leaveText"),
      maxlength: client.welcome?.max_text_chars || 4000 });
    const inputs = fields.map((name) => {
      const { type, autocomplete, label } = TYPES[name];
      return h("input", { name, type, autocomplete, "aria-label": t(label), placeholder: t(label), maxlength: 200 });
    });
    const wrong = h("p", { class: "wrong", role: "alert" });
    const send = h("button", { class: "main", type: "submit" }, t("leaveSend"));
    const submit = async (): Promise<void> => {
      if (!text.value.trim()) return text.focus();
      send.disabled = true;
      wrong.textContent = "";
      try {
        await client.leave(text.value.trim(), Object.fromEntries(inputs.map((input) => [input.name, input.value.trim()])), id);
        element.replaceChildren(h("p", { role: "status" }, t("left")));
        done();
      } catch (reason) {
        const body = reason instanceof Refused ? reason.body : null;
        wrong.textContent = body?.message ?? t("notSent");
        inputs.find((input) => input.name === body?.field)?.focus();
        send.disabled = false;
      }
    };
    // the browser's own complaints would be in its language, not in the visitor's
    element.replaceChildren(h("form", { novalidate: true, onsubmit: (event: Event) => {
      event.preventDefault();
      void submit();
    } }, h("p", {}, t("leaveTitle")), ...inputs, text, wrong,
      h("div", { class: "ends" }, h("button", { class: "plain", type: "button", onclick: () => {
        element.hidden = true;
        done();
      } }, t("later")), send)));
    element.hidden = false;
    (inputs[0] ?? text).focus();
  };
  return { element, open, draw: () => undefined };
}

/** When people are back, in the visitor's own time: "14:00", or with the day when that is another one. */
export function backAt(opensAt: string, lang: string): string {
  const at = new Date(opensAt);
  const sameDay = at.toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(lang, {
    hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    ...(sameDay ? {} : { weekday: "short", month: "short", day: "numeric" }),
  }).format(at);
}
