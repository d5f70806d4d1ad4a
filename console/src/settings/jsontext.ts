/** JSON that people write: where it breaks, and where in the text a path of it stands. */

export interface Span {
  from: number;
  to: number;
}
export interface Node extends Span {
  value: unknown;
  /** By name, the name's own place included; null for a plain value. */
  fields: Map<string, Node & { name: Span }> | null;
  items: Node[] | null;
}
export type Read = { node: Node; fault: null } | { node: null; fault: { at: number; line: number } };

class Broken extends Error {
  constructor(readonly at: number) {
    super("broken");
  }
}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  read(): Node {
    const node = this.value();
    this.blanks();
    if (this.at < this.text.length) throw new Broken(this.at);
    return node;
  }

  private blanks(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++;
  }

  private take(sign: string): boolean {
    this.blanks();
    if (this.text[this.at] !== sign) return false;
    this.at++;
    return true;
  }

  private need(sign: string): void {
    if (!this.take(sign)) throw new Broken(this.at);
  }

  private value(): Node {
    this.blanks();
    const from = this.at;
    const sign = this.text[from];
    if (sign === "{") return this.object(from);
    if (sign === "[") return this.array(from);
    const plain = /^(?:"(?:[^"\\\u0000-\u001f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/.exec(this.text.slice(from))?.[0];
    if (plain === undefined) throw new Broken(from);
    this.at += plain.length;
    try {
      return { from, to: this.at, value: JSON.parse(plain), fields: null, items: null };
    } catch {
      throw new Broken(from);
    }
  }

  private object(from: number): Node {
    this.at++;
    const fields = new Map<string, Node & { name: Span }>();
    const value: Record<string, unknown> = {};
    if (!this.take("}")) {
      do {
        this.blanks();
        const name = this.value();
        if (typeof name.value !== "string") throw new Broken(name.from);
        this.need(":");
        const child = this.value();
        fields.set(name.value, { ...child, name: { from: name.from, to: name.to } });
        Object.defineProperty(value, name.value, { value: child.value, enumerable: true, configurable: true, writable: true });
      } while (this.take(","));
      this.need("}");
    }
    return { from, to: this.at, value, fields, items: null };
  }

  private array(from: number): Node {
    this.at++;
    const items: Node[] = [];
    if (!this.take("]")) {
      do items.push(this.value()); while (this.take(","));
      this.need("]");
    }
    return { from, to: this.at, value: items.map((item) => item.value), fields: null, items };
  }
}

export function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}

export function readJson(text: string): Read {
  try {
    return { node: new Reader(text).read(), fault: null };
  } catch (error) {
    const at = error instanceof Broken ? error.at : 0;
    return { node: null, fault: { at, line: lineOf(text, at) } };
  }
}

/** Where a path such as `steps[2].ask` stands; as much of it as is there, null if it is nothing. A field that
 * should not be there is marked by its name, one that is wrong by its value. */
export function spanOf(text: string, path: string): Span | null {
  const { node } = readJson(text);
  if (!node) return null;
  let here: Node = node;
  let found: Span | null = null;
  for (const [, name, index] of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    const next: Node | undefined = index !== undefined ? here.items?.[Number(index)] : here.fields?.get(name ?? "");
    if (!next) break;
    here = next;
    found = "name" in next && next.fields === null && next.items === null ? { from: (next as Node & { name: Span }).name.from, to: next.to } : { from: next.from, to: next.to };
  }
  return found;
}
