/** What an article has beside its words: buttons, pictures and links, when and where it holds. */

import type { Button } from "@widget/wire";
import { lines } from "./lines";

export interface Card {
  kind: "image" | "link";
  url: string;
  title: string;
  text: string;
}
export interface Extras {
  buttons: Button[];
  cards: Card[];
  inboxes: string[];
  valid_from: string | null;
  valid_until: string | null;
}
export interface ExtrasForm {
  buttons: string;
  images: string;
  links: string;
  inboxes: string[];
  /** As a `datetime-local` box has it, in the reader's own zone; "" = no limit. */
  from: string;
  until: string;
}

const two = (n: number): string => String(n).padStart(2, "0");
function local(at: string | null): string {
  if (!at) return "";
  const d = new Date(at);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}
/* A title may stand before an address: `Size chart https://…`. */
const cardLine = (card: Card): string => `${card.title} ${card.url}`.trim();
/** `Label`, or `Label = what it sends`, or `Label = https://…` to open. */
function buttonLine(button: Button): string {
  const after = button.url || (button.text && button.text !== button.label ? button.text : "");
  return after ? `${button.label} = ${after}` : button.label;
}

export function extrasForm(found: Partial<Extras> | null): ExtrasForm {
  const cards = found?.cards ?? [];
  return {
    buttons: (found?.buttons ?? []).map(buttonLine).join("\n"),
    images: cards.filter((card) => card.kind === "image").map(cardLine).join("\n"),
    links: cards.filter((card) => card.kind === "link").map(cardLine).join("\n"),
    inboxes: [...(found?.inboxes ?? [])], from: local(found?.valid_from ?? null), until: local(found?.valid_until ?? null),
  };
}

function cardsOf(kind: Card["kind"], text: string, before: Card[]): Card[] {
  return lines(text).map((line) => {
    const at = line.lastIndexOf(" ");
    const url = line.slice(at + 1);
    const known = before.find((card) => card.kind === kind && card.url === url);
    return { kind, url, title: at < 0 ? "" : line.slice(0, at).trim(), text: known?.text ?? "" };
  });
}

function buttonOf(line: string): Button {
  const at = line.indexOf("=");
  if (at < 0) return { label: line };
  const after = line.slice(at + 1).trim();
  const label = line.slice(0, at).trim();
  if (!after) return { label };
  return /^(https?:\/\/|mailto:|tel:|\/)/.test(after) ? { label, url: after } : { label, text: after };
}

export function extrasOf(form: ExtrasForm, before: Partial<Extras> | null): Extras {
  const cards = before?.cards ?? [];
  // What was not touched stays to the second, and with what a line does not show.
  const time = (text: string, old: string | null | undefined): string | null =>
    !text ? null : old && local(old) === text ? old : new Date(text).toISOString();
  return {
    buttons: lines(form.buttons).map((line) => before?.buttons?.find((known) => buttonLine(known) === line) ?? buttonOf(line)), cards: [...cardsOf("image", form.images, cards), ...cardsOf("link", form.links, cards)],
    inboxes: form.inboxes, valid_from: time(form.from, before?.valid_from), valid_until: time(form.until, before?.valid_until),
  };
}
