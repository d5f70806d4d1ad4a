/** What a conversation is about, as far as the desk knows: a model's summary, and facts that need no model.
 * Read once when a conversation is opened, renewed by events and on demand. */

import { ref, shallowRef } from "vue";
import { api, type Summary } from "@/api";
import { listen } from "./socket";

/** So many new messages make a summary old enough to be made again when somebody reads it. */
export const STALE = 6;
const MOST = 30;

export class Digest {
  readonly view = shallowRef<Summary | null>(null);
  readonly making = ref(false);
  readonly error = shallowRef<unknown>(null);

  constructor(readonly id: number) {}

  async load(): Promise<void> {
    try {
      this.view.value = await api.summary(this.id);
      this.error.value = null;
    } catch (reason) {
      // Nobody asked for it by name: what is not there is simply not shown.
      if (!this.view.value) this.error.value = reason;
    }
  }

  async make(): Promise<void> {
    if (this.making.value) return;
    this.making.value = true;
    this.error.value = null;
    try {
      this.view.value = await api.summarise(this.id);
    } catch (reason) {
      this.error.value = reason;
    } finally {
      this.making.value = false;
    }
  }

  /** One message more was said. */
  said(seq: number): void {
    const now = this.view.value;
    if (now && seq > now.seq) this.view.value = { ...now, behind: now.behind + 1 };
  }
}

/** Those looked at last; each is a ref by itself. */
const digests = new Map<number, Digest>();

export function digestOf(id: number): Digest {
  let found = digests.get(id);
  if (!found) {
    digests.set(id, (found = new Digest(id)));
    const oldest = digests.keys().next().value;
    if (digests.size > MOST && oldest !== undefined) digests.delete(oldest);
    void found.load();
  }
  return found;
}

/** Whether a model can be asked where this conversation belongs. */
export function modelFor(id: number): boolean | null {
  return digests.get(id)?.view.value?.model ?? null;
}

/** A summary as a note or another text holds it. */
export function wordsOfSummary(view: Summary | null): string {
  if (!view) return "";
  return view.text || view.facts.map((fact) => `- ${fact.text}`).join("\n");
}

listen((frame) => {
  if (frame.type === "summary") {
    const found = digests.get(frame.conversation);
    const now = found?.view.value;
    if (found && now) found.view.value = { ...now, text: frame.text, seq: frame.seq, at: frame.at, behind: 0 };
  } else if (frame.type === "message" && frame.direction !== "note" && frame.sender !== "system") {
    digests.get(frame.conversation)?.said(frame.seq);
  } else if (frame.type === "welcome") {
    for (const digest of digests.values()) void digest.load();
  }
});

export function forgetSummaries(): void {
  digests.clear();
}
