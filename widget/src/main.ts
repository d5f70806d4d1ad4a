/** `<script async src="https://desk.example/widget.js" data-inbox="shop"></script>`
 *
 * data-inbox     which inbox (needed)
 * data-lang      zh | en; otherwise the page's, otherwise the browser's language
 * data-theme     light | dark; otherwise what the visitor's system asks for
 * data-customer  a customer signed in at the shop, as JSON: {"id", "expires", "sig", "name"?, …}
 * data-card      what this page is about, as JSON: {"title", "price"?, "image"?, "url"?, "ref"?, …}
 *
 * `window.zhike` has open(), close(), toggle(), destroy() and card(what): the product or order that the visitor
 * looks at, null for none. Whatever has an attribute `data-zhike-card` offers that card when it is clicked. */

import { pickLang, translator } from "./i18n";
import { cardOf } from "./offer";
import { Panel } from "./panel";
import type { CustomerClaim, PageLook } from "./wire";

declare global {
  interface Window {
    /** Set before the script runs: as data-card, without quotes to mind. */
    zhikeCard?: unknown;
    zhike?: { open(): void; close(): void; toggle(): void; destroy(): void; card(what: unknown): void };
  }
}

/** An address is a hint for the agent, not a document; the server keeps a part of it. */
const PAGE_CHARS = 500;

/** What the visitor looks at; nothing if their browser asks that they are not followed. */
function page(): PageLook | undefined {
  const asks: { globalPrivacyControl?: boolean; doNotTrack?: string | null } = navigator;
  if (asks.globalPrivacyControl || asks.doNotTrack === "1") return undefined;
  const [url = "", title = "", referrer = ""] = [location.href, document.title, document.referrer].map((each) => each.slice(0, PAGE_CHARS));
  return { url, title, referrer };
}

function parsed<T>(name: string, json: string | undefined): T | undefined {
  if (!json) return undefined;
  try {
    return JSON.parse(json) as T;
  } catch {
    console.error(`zhike: ${name} is not JSON`);
    return undefined;
  }
}

function start(script: HTMLScriptElement): void {
  const { inbox, lang: wish, theme, customer, card, server } = script.dataset;
  if (!inbox) {
    console.error("zhike: data-inbox is missing on the script tag");
    return;
  }
  const lang = pickLang(wish, document.documentElement.lang, navigator.language);
  const base = server?.replace(/\/$/, "") || new URL(script.src).origin;
  const panel = new Panel({ base, inbox, lang, customer: parsed<CustomerClaim>("data-customer", customer), page }, translator(lang));
  if (theme) document.querySelector("[data-zhike]")?.setAttribute("theme", theme);
  const look = (what: unknown): void => panel.card(cardOf(what, document.baseURI));
  look(card ? parsed("data-card", card) : window.zhikeCard);
  addEventListener("click", (event) => {
    const found = (event.target as Element | null)?.closest?.<HTMLElement>("[data-zhike-card]");
    if (!found || !window.zhike) return;
    look(parsed("data-zhike-card", found.dataset["zhikeCard"]));
    panel.open();
  });
  window.zhike = {
    card: look,
    open: () => panel.open(),
    close: () => panel.close(),
    toggle: () => panel.toggle(),
    destroy: () => {
      panel.destroy();
      delete window.zhike;
    },
  };
}

const script = document.currentScript ?? document.querySelector("script[data-inbox][src*='widget.js']");
if (script instanceof HTMLScriptElement && !window.zhike) {
  if (document.body) start(script);
  else addEventListener("DOMContentLoaded", () => start(script), { once: true });
}
