/** Bringing many articles in: in parts, so that it can be seen, stopped and run again. */

import type { FoundArticle } from "@/api/settingsTypes";

/** A part is stored whole or not at all; smaller ones show progress, larger ones are faster. */
export const PART = 200;
/** What the server takes in one request is 20 MiB, and base64 makes four bytes of three. */
export const MAX_FILE_BYTES = 14 * 1024 * 1024;

export interface Outcome {
  added: number;
  changed: number;
  same: number;
  done: number;
  stopped: boolean;
}

export async function bring(
  articles: FoundArticle[],
  store: (part: FoundArticle[]) => Promise<{ added: number; changed: number; same: number }>,
  told: (outcome: Outcome) => void,
  stop: () => boolean,
): Promise<Outcome> {
  let now: Outcome = { added: 0, changed: 0, same: 0, done: 0, stopped: false };
  for (let at = 0; at < articles.length; at += PART) {
    if (stop()) {
      now = { ...now, stopped: true };
      break;
    }
    const part = articles.slice(at, at + PART);
    const { added, changed, same } = await store(part);
    now = { ...now, added: now.added + added, changed: now.changed + changed, same: now.same + same, done: now.done + part.length };
    told(now);
  }
  return now;
}

export function base64Of(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,?/, ""));
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(file);
  });
}
