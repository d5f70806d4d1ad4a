/** Short words at the bottom: what went wrong, and what can still be undone. */

import { shallowReactive } from "vue";
import { ApiError } from "@/api/client";
import { t } from "@/i18n";

export interface Toast {
  id: number;
  text: string;
  tone: "plain" | "bad";
  action?: { label: string; run(): void };
}

/** How long an act waits to be undone. */
export const UNDO_MS = 6_000;
const STAY_MS = 5_000;

export const toasts = shallowReactive<Toast[]>([]);
let count = 0;

export function dismiss(id: number): void {
  const found = toasts.findIndex((toast) => toast.id === id);
  if (found >= 0) toasts.splice(found, 1);
}

function show(toast: Omit<Toast, "id">, ms: number): number {
  const id = ++count;
  toasts.push({ ...toast, id });
  setTimeout(() => dismiss(id), ms);
  return id;
}

export function say(text: string): void {
  show({ text, tone: "plain" }, STAY_MS);
}

/** Something others should know now, with a way to it. */
export function notice(text: string, action: { label: string; run(): void }): void {
  const id = show({ text, tone: "plain", action: { label: action.label, run: () => (dismiss(id), action.run()) } }, STAY_MS * 2);
}

/** The words of any failure: the server's own, or ours when it could not be reached. */
export function wordsOf(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.code === "offline") return t("error.offline");
    return [error.body.message, error.body.help].filter(Boolean).join(" ");
  }
  return t("error.unknown");
}

export function complain(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  show({ text: wordsOf(error), tone: "bad" }, STAY_MS * 2);
}

const waiting = new Map<number, () => void>();

/** Does something that can be undone for some seconds. `commit` runs when they are over, or when
 * the page is left (then with `last` true: the request must outlive the page). */
export function undoable(text: string, commit: (last: boolean) => Promise<unknown>, revert: () => void): void {
  const id = show({ text, tone: "plain", action: { label: t("undo"), run: () => {
    clearTimeout(timer);
    waiting.delete(id);
    dismiss(id);
    revert();
  } } }, UNDO_MS);
  const run = (last: boolean): void => {
    clearTimeout(timer);
    if (!waiting.delete(id)) return;
    commit(last).catch((error: unknown) => {
      revert();
      complain(error);
    });
  };
  const timer = setTimeout(() => run(false), UNDO_MS);
  waiting.set(id, () => run(true));
}

addEventListener("pagehide", () => {
  for (const run of [...waiting.values()]) run();
});
