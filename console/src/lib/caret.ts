/** What is being typed at the caret that calls for a list: `/shortcut` at the start of a line,
 * `@name` at the start of a word. */

export interface Token {
  kind: "/" | "@";
  /** What follows the sign. */
  words: string;
  /** Where it stands in the text: [from, to). */
  from: number;
  to: number;
}

const SLASH = /(?:^|\n)\/([^\s/]*)$/;
const AT = /(?:^|[\s(（，。,])@([^\s@]{0,30})$/;

export function tokenAt(text: string, caret: number): Token | null {
  const before = text.slice(0, caret);
  const slash = SLASH.exec(before);
  if (slash) return { kind: "/", words: slash[1] ?? "", from: caret - (slash[1] ?? "").length - 1, to: caret };
  const at = AT.exec(before);
  if (at) return { kind: "@", words: at[1] ?? "", from: caret - (at[1] ?? "").length - 1, to: caret };
  return null;
}

/** The text with the token replaced, and where the caret stands after it. */
export function replaced(text: string, token: Pick<Token, "from" | "to">, by: string): { text: string; caret: number } {
  return { text: text.slice(0, token.from) + by + text.slice(token.to), caret: token.from + by.length };
}
