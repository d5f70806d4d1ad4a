/** Text into text and links, never HTML. A link ends before Chinese text and full-width marks. */

export interface Piece {
  text: string;
  href?: string;
}

const LINK = /https?:\/\/[^\s<>"'`\u2018-\u201f\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+/gi;

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const shown = match[0].replace(/[.,;:!?)\]}]+$/, "");
    const start = match.index;
    if (start > from) found.push({ text: text.slice(from, start) });
    const href = /^https?:/i.test(shown) ? shown : `mailto:${shown}`;
    found.push({ text: shown, href });
    from = start + shown.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** An address a button may open, or "" when it is none that is safe. */
export function safeUrl(url: string, base: string): string {
  try {
    const parsed = new URL(url, base);
    return /^(https?|mailto|tel):$/.test(parsed.protocol) ? parsed.href : "";
  } catch {
    return "";
  }
}
