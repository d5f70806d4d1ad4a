/** The messages of one conversation as this client holds them: no gap, no double.
 *
 * Everything the client may see between `oldest` and `contiguous` is here. Numbers may be missing in
 * between: agents' private notes are numbered like messages and never sent to visitors, so a page
 * from the server says what is complete, not the numbers. A live message beyond `contiguous` + 1 is
 * kept but reported, so that the caller asks for what lies between. */

import type { MessageView } from "./wire";

export class Timeline {
  conversation = 0;
  contiguous = 0;
  /** The lowest seq held, or 0 when nothing is. */
  oldest = 0;
  private readonly bySeq = new Map<number, MessageView>();

  /** Follows another conversation from its start. True if it changed. */
  follow(conversation: number): boolean {
    if (conversation === this.conversation) return false;
    this.conversation = conversation;
    this.contiguous = 0;
    this.oldest = 0;
    this.bySeq.clear();
    return true;
  }

  get messages(): MessageView[] {
    return [...this.bySeq.values()].sort((a, b) => a.seq - b.seq);
  }

  /** Something was received that may lie beyond a gap. */
  get gap(): boolean {
    for (const seq of this.bySeq.keys()) if (seq > this.contiguous) return true;
    return false;
  }

  /** Who wrote it took it back. */
  recalled(seq: number): void {
    const held = this.bySeq.get(seq);
    if (held) this.bySeq.set(seq, { ...held, text: "", recalled: true });
  }

  /** A live message. Returns false when messages before it may be missing: resume after `contiguous`. */
  live(message: MessageView): boolean {
    this.bySeq.set(message.seq, message);
    this.advance();
    return message.seq <= this.contiguous;
  }

  /** A page of what stands after `contiguous`; without `more` it reaches to `lastSeq`. */
  resumed(items: readonly MessageView[], lastSeq: number, more: boolean): void {
    for (const item of items) this.bySeq.set(item.seq, item);
    const last = items[items.length - 1]?.seq ?? 0;
    this.contiguous = Math.max(this.contiguous, last, more ? 0 : lastSeq);
    this.lower(items);
    this.advance();
  }

  /** A page of the past: the newest (nothing was held) or what stands right before `oldest`. */
  page(items: readonly MessageView[]): void {
    for (const item of items) this.bySeq.set(item.seq, item);
    const last = items[items.length - 1]?.seq ?? 0;
    if (this.contiguous === 0) this.contiguous = last;
    this.lower(items);
    this.advance();
  }

  private lower(items: readonly MessageView[]): void {
    const first = items[0]?.seq;
    if (first !== undefined) this.oldest = this.oldest ? Math.min(this.oldest, first) : first;
  }

  private advance(): void {
    while (this.bySeq.has(this.contiguous + 1)) {
      this.contiguous++;
      this.oldest ||= this.contiguous;
    }
  }
}
