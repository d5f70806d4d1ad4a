/** What is known of where a visitor is, as news of it comes. */

import type { PageView, Visit } from "@/api/pages";
import type { VisitedFrame } from "./frames";

/** As the server keeps of a contact. */
export const MOST_PAGES = 20;

/** `visit` with what a frame tells; what is there already, as after a reload, is not added again. */
export function went(visit: Visit, frame: VisitedFrame): Visit {
  const known = new Set(visit.pages.map((page) => page.at + page.url));
  const fresh: PageView[] = frame.pages.filter((page) => !known.has(page.at + page.url)).reverse();
  return { pages: [...fresh, ...visit.pages].slice(0, MOST_PAGES), device: frame.device ?? visit.device };
}

export function hostOf(url: string): string {
  try {
    return new URL(url).host.replace(/^www\./, "");
  } catch {
    return "";
  }
}

/** The words for a page without a title: its place on the site. */
export function nameOfPage(page: PageView): string {
  if (page.title) return page.title;
  const host = hostOf(page.url);
  const at = page.url.indexOf("/", page.url.indexOf("//") + 2);
  const place = at < 0 ? "/" : page.url.slice(at);
  if (place === "/") return host;
  try {
    return decodeURI(place);
  } catch {
    return place;
  }
}
