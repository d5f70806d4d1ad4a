/** What the shop's page says that the visitor looks at: offered above the input, sent when they want it. */

import type { Client } from "./client";
import { h, icon } from "./dom";
import type { Translate } from "./i18n";
import { cards } from "./message";
import type { Card } from "./wire";

/** As the server has it: what is longer is cut here instead of refused there. */
const MOST: Record<string, number> = { title: 200, text: 500, url: 1000, image: 1000, price: 40, status: 60, ref: 80 };
const MOST_FIELDS = 8;

/** A card out of what a page gave: known fields, as text, not too long; addresses of this page made whole.
 * Null: there is nothing to show. */
export function cardOf(given: unknown, base: string): Card | null {
  if (!given || typeof given !== "object") return null;
  const from = given as Record<string, unknown>;
  const card: Record<string, unknown> = { kind: from["kind"] === "order" ? "order" : "product" };
  for (const [name, most] of Object.entries(MOST)) {
    const value = from[name];
    if (typeof value !== "string" && typeof value !== "number") continue;
    let text = String(value).trim();
    if (name === "url" || name === "image") {
      try {
        const whole = new URL(text, base);
        text = /^https?:$/.test(whole.protocol) && whole.href.length <= most ? whole.href : "";
      } catch {
        text = "";
      }
    }
    if (text) card[name] = text.slice(0, most);
  }
  if (Array.isArray(from["fields"])) {
    card["fields"] = (from["fields"] as { label?: unknown; value?: unknown }[]).slice(0, MOST_FIELDS)
      .map((each) => ({ label: String(each?.label ?? "").trim().slice(0, 40), value: String(each?.value ?? "").slice(0, 200) }))
      .filter((each) => each.label);
  }
  return card["title"] ? (card as unknown as Card) : null;
}

export function offering(client: Client, t: Translate, done: () => void): { element: HTMLElement; draw(): void } {
  const element = h("div", { class: "offer", hidden: true });
  let drawn: Card | null = null;
  const answer = (send: boolean): void => {
    const card = client.offer;
    client.offer = null;
    if (card && send) client.say("", "", undefined, [card]);
    draw();
    done();
  };
  function draw(): void {
    const card = client.offer;
    if (card === drawn) return;
    drawn = card;
    element.hidden = !card;
    if (!card) return;
    element.replaceChildren(
      cards([{ ...card, url: "" }], { t }),
      h("button", { class: "act", type: "button", onclick: () => answer(true) }, t(card.kind === "order" ? "askOrder" : "askProduct")),
      h("button", { class: "clipb", type: "button", "aria-label": t("notThis"), title: t("notThis"), onclick: () => answer(false) }, icon("close", 16)),
    );
  }
  return { element, draw };
}
