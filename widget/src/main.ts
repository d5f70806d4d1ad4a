/** `<script async src="https://desk.example/widget.js" data-inbox="shop"></script>`
 *
 * data-inbox     which inbox (needed)
 * data-lang      zh | en; otherwise the page's, otherwise the browser's language
 * data-theme     light | dark; otherwise what the visitor's system asks for
 * data-customer  a customer signed in at the shop, as JSON: {"id", "expires", "sig", "name"?, …}
 *
 * `window.zhike` has open(), close(), toggle() and destroy(). */

import { pickLang, translator } from "./i18n";
import { Panel } from "./panel";
import type { CustomerClaim } from "./wire";

declare global {
  interface Window {
    zhike?: { open(): void; close(): void; toggle(): void; destroy(): void };
  }
}

/** A page address is a hint for the agent, not a document. */
const PAGE_CHARS = 500;

function page(): Record<string, string> {
  const url = `${location.origin}${location.pathname}${location.search}`;
  return { url: url.slice(0, PAGE_CHARS), title: document.title.slice(0, 200) };
}

function claim(json: string | undefined): CustomerClaim | undefined {
  if (!json) return undefined;
  try {
    return JSON.parse(json) as CustomerClaim;
  } catch {
    console.error("zhike: data-customer is not JSON");
    return undefined;
  }
}

function start(script: HTMLScriptElement): void {
  const { inbox, lang: wish, theme, customer, server } = script.dataset;
  if (!inbox) {
    console.error("zhike: data-inbox is missing on the script tag");
    return;
  }
  const lang = pickLang(wish, document.documentElement.lang, navigator.language);
  const base = server?.replace(/\/$/, "") || new URL(script.src).origin;
  const panel = new Panel({ base, inbox, lang, customer: claim(customer), page }, translator(lang));
  if (theme) document.querySelector("[data-zhike]")?.setAttribute("theme", theme);
  window.zhike = {
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
