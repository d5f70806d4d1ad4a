/** What a push asks of the browser: what it shows, to whom not, and where a click leads. Pure; src/sw.ts runs
 * it while no page may be open. */

/** As the desk sends it (desk/notify/push.py). */
export interface Shown {
  title: string;
  body: string;
  /** Takes the place of what stands under the same tag, also of what a page showed. */
  tag: string;
  /** A page of the console. */
  url: string;
}

/** A page of ours, as far as it counts here. */
export interface Page {
  readonly url: string;
  readonly focused: boolean;
  readonly visibilityState: string;
  focus(): Promise<unknown>;
  postMessage(message: unknown): void;
}

/** What a click tells an open page. */
export interface Opened {
  type: "zhike-open";
  url: string;
}

export const CONSOLE = "/console";
/** These are not on the page, whoever looks at it. */
const ALWAYS = ["zhike-test", "zhike-trouble"];

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** What came, or at least that something did: a browser wants every push to be seen. */
export function shownOf(data: unknown): Shown {
  const said = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  const url = text(said["url"]);
  return {
    title: text(said["title"]) || "zhike",
    body: text(said["body"]),
    tag: text(said["tag"]) || "zhike",
    url: url === CONSOLE || url.startsWith(`${CONSOLE}/`) ? url : CONSOLE,
  };
}

/** The console's: other pages may live under the same address, a shop's for one. */
const ours = (pages: readonly Page[]): Page[] => pages.filter((page) => new URL(page.url).pathname.startsWith(CONSOLE));

/** Whoever looks at the console sees it there. */
export function isSeen(shown: Shown, pages: readonly Page[]): boolean {
  return !ALWAYS.includes(shown.tag) && ours(pages).some((page) => page.focused);
}

/** The page that a click brings to the front: the one looked at last. */
export function pageFor(pages: readonly Page[]): Page | undefined {
  const open = ours(pages);
  return open.find((page) => page.focused) ?? open.find((page) => page.visibilityState === "visible") ?? open[0];
}

/** Opens what a notification is about; `open` makes a new page where none is open. */
export async function follow(url: string, pages: readonly Page[], open: (url: string) => Promise<unknown>): Promise<void> {
  const page = pageFor(pages);
  if (!page) {
    await open(url);
    return;
  }
  page.postMessage({ type: "zhike-open", url } satisfies Opened);
  await page.focus();
}

/** Where the router goes for a message of the worker; null: it is something else. */
export function placeOf(message: unknown): string | null {
  const said = message as Partial<Opened> | null;
  if (said?.type !== "zhike-open" || !said.url?.startsWith(`${CONSOLE}/`)) return null;
  return said.url.slice(CONSOLE.length);
}
