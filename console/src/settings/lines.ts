/** Lists that people write one to a line. */

export function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter(Boolean);
}

/** `name = value`, one to a line; what has no `=` is a name without a value. */
export function pairs(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of lines(text)) {
    const at = line.indexOf("=");
    if (at < 0) found[line] = "";
    else found[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return found;
}

export function pairLines(values: Record<string, string>): string {
  return Object.entries(values).map(([name, value]) => `${name} = ${value}`).join("\n");
}
