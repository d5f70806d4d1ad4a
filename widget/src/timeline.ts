/** The messages of one conversation as this client holds them: no gap, no double.
 *
 * `contiguous` is the highest seq up to which nothing is missing (above `oldest`). A live message
 * beyond it is kept but the gap is reported, so that the caller asks for what lies between. */

import type { MessageView } from "./wire";

export class Timeline {
  conversation = 0;
  contiguous = 0;
  /** The lowest seq held, or 0 when nothing is. 1 means: the beginning is here. */
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

  /** Something was received that lies beyond a gap. */
  get gap(): boolean {
    for (const seq of this.bySeq.keys()) if (seq > this.contiguous) return true;
    return false;
  }

  has(seq: number): boolean {
    return this.bySeq.has(seq);
  }

  /** A live message. Returns false when messages before it are missing: resume after `contiguous`. */
  live(message: MessageView): boolean {
    this.keep(message);
    this.advance();
    return message.seq <= this.contiguous;
  }

  /** Messages after `contiguous`, as asked for by resume. */
  resumed(items: readonly MessageView[]): void {
    for (const item of items) this.keep(item);
    this.advance();
  }

  /** A page of older (or the newest) messages: contiguous in itself. */
  page(items: readonly MessageView[]): void {
    const first = items[0];
    const last = items[items.length - 1];
    if (!first || !last) return;
    for (const item of items) this.keep(item);
    // The newest page lies ahead of everything held so far: what is known without gap begins here.
    if (this.contiguous === 0 || first.seq > this.contiguous + 1) {
      for (const seq of [...this.bySeq.keys()]) if (seq < first.seq) this.bySeq.delete(seq);
      this.oldest = first.seq;
      this.contiguous = last.seq;
    }
    this.advance();
  }

  private keep(message: MessageView): void {
    this.bySeq.set(message.seq, message);
  }

  private advance(): void {
    while (this.bySeq.has(this.contiguous + 1)) this.contiguous++;
    if (this.contiguous > 0) {
      let low = this.oldest || this.contiguous;
      while (this.bySeq.has(low - 1)) low--;
      this.oldest = low;
    }
  }
}
