/** Finds what somebody begins to type: every letter in order, better where words begin. */

export function rank(text: string, wanted: string): number {
  const words = wanted.trim().toLowerCase();
  const all = text.toLowerCase();
  if (!words) return 1;
  const at = all.indexOf(words);
  if (at === 0) return 100;
  if (at > 0) return /[\s·:：/-]/.test(all[at - 1] ?? "") ? 80 : 60;
  let from = 0;
  let score = 0;
  for (const letter of words.replace(/\s+/g, "")) {
    const found = all.indexOf(letter, from);
    if (found < 0) return 0;
    if (found === 0 || all[found - 1] === " ") score += 2;
    from = found + 1;
  }
  return 1 + score;
}

export function ranked<T>(all: readonly T[], wanted: string, textOf: (each: T) => string): T[] {
  const scored = all.map((each, at) => ({ each, at, score: rank(textOf(each), wanted) })).filter(({ score }) => score > 0);
  return scored.sort((a, b) => b.score - a.score || a.at - b.at).map(({ each }) => each);
}
