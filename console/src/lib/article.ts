/** "Make this an article": a question and its answer out of a conversation, for the editor. */

import type { DeskMessage } from "@/live/frames";

export interface ArticleStart {
  question: string;
  answer: string;
  lang: string;
}

let start: ArticleStart | null = null;

/** What the visitor asked before the message, and what the message says. The question of a person's
 * reply is everything the visitor wrote since somebody answered last. */
export function articleOf(messages: readonly DeskMessage[], seq: number, lang: string): ArticleStart | null {
  const at = messages.findIndex((m) => m.seq === seq);
  const answer = messages[at];
  if (!answer) return null;
  const asked: string[] = [];
  for (const m of messages.slice(0, at).reverse()) {
    if (m.direction === "note" || m.sender === "system") continue;
    if (m.direction === "incoming") asked.unshift(m.text);
    else if (asked.length) break;
  }
  if (answer.answers?.length) {
    const named = messages.filter((m) => answer.answers?.includes(m.seq)).map((m) => m.text);
    if (named.length) asked.splice(0, asked.length, ...named);
  }
  return { question: asked.filter(Boolean).join(" "), answer: answer.text, lang: lang.startsWith("en") ? "en" : "zh" };
}

export function prefillArticle(messages: readonly DeskMessage[], seq: number, lang: string): boolean {
  start = articleOf(messages, seq, lang);
  return start !== null;
}

/** For the editor of a new article; once. */
export function takeArticleStart(): ArticleStart | null {
  const found = start;
  start = null;
  return found;
}
