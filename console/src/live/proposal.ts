/** What a model proposes for the composer of one conversation: one at a time, stopped on the server when
 * nobody wants it any more. It never touches what is typed; whoever reads it decides. */

import { randomId } from "@widget/storage";
import type { ErrorBody, Wish } from "@widget/wire";
import { computed, ref, shallowRef } from "vue";
import { t } from "@/i18n";
import { connection, listen, send, whenOnline } from "./socket";

export interface Source {
  article_id: number;
  title: string;
}

/** No frame for this long: the connection or the server has gone silent (the server gives up at 45 s). */
const SILENT_MS = 60_000;

export class Proposal {
  readonly text = ref("");
  readonly want = ref<Wish>("reply");
  /** writing: pieces come · done · failed; idle: there is none. */
  readonly state = ref<"idle" | "writing" | "done" | "failed">("idle");
  readonly sources = shallowRef<Source[]>([]);
  /** Words that stand nowhere in what was typed, said or known. */
  readonly check = shallowRef<string[]>([]);
  readonly leftOut = ref(0);
  readonly error = shallowRef<ErrorBody | null>(null);
  readonly shown = computed(() => this.state.value !== "idle");

  private id = "";
  private typed = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly offs: (() => void)[];

  constructor(private readonly conversation: number) {
    let first = true;
    this.offs = [
      listen((frame) => {
        if (frame.type === "assist_delta" && frame.assist_id === this.id) {
          this.text.value = (frame.offset ? this.text.value : "") + frame.text;
          this.wait();
        } else if (frame.type === "assist_done" && frame.assist_id === this.id) {
          this.text.value = frame.text;
          this.sources.value = (frame.sources ?? []).filter((source) => source.title);
          this.check.value = frame.check ?? [];
          this.leftOut.value = frame.left_out ?? 0;
          this.end("done");
        } else if (frame.type === "assist_failed" && frame.assist_id === this.id) {
          this.error.value = frame.error;
          this.end("failed");
        }
      }),
      // A new connection knows nothing of what the last one had asked for.
      whenOnline(() => (first ? (first = false) : this.state.value === "writing" && this.broke())),
    ];
  }

  ask(want: Wish, typed: string): void {
    this.clear();
    this.want.value = want;
    this.typed = typed;
    this.id = randomId();
    this.state.value = "writing";
    this.wait();
    const frame = { type: "assist" as const, assist_id: this.id, conversation: this.conversation, want, text: typed };
    if (!send(frame)) this.broke();
  }

  /** The same once more. `typed`: as it stands now. */
  again(typed: string): void {
    this.ask(this.want.value, this.want.value === "reply" ? typed : this.typed);
  }

  /** Ends the generation; what has come so far stays to be used. */
  stop(): void {
    if (this.state.value !== "writing") return;
    send({ type: "assist_stop", assist_id: this.id });
    if (this.text.value.trim()) this.end("done");
    else this.clear();
  }

  clear(): void {
    if (this.state.value === "writing") send({ type: "assist_stop", assist_id: this.id });
    this.end("idle");
    this.text.value = "";
    this.sources.value = [];
    this.check.value = [];
    this.leftOut.value = 0;
    this.error.value = null;
  }

  close(): void {
    this.clear();
    for (const off of this.offs) off();
  }

  private wait(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.broke(), SILENT_MS);
  }

  private broke(): void {
    this.error.value = { code: "gone", message: t(connection.phase === "online" ? "assist.silent" : "assist.offline"), retry: "now" };
    this.end("failed");
  }

  private end(state: "idle" | "done" | "failed"): void {
    clearTimeout(this.timer);
    this.state.value = state;
    this.id = "";
  }
}
