/** Tells the server whether somebody sits at this page: who does not is away, and is given nothing. */

import { connection, whenOnline } from "./socket";

/** Reading a long conversation takes minutes without a key. */
const IDLE_MS = 5 * 60_000;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"] as const;

/** Whether somebody is there, by signs of life and by time; `tell` hears of each change. */
export class Activity {
  private timer: ReturnType<typeof setTimeout> | undefined;
  on = true;

  constructor(private readonly tell: (on: boolean) => void) {
    this.sign();
  }

  sign(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.set(false), IDLE_MS);
    this.set(true);
  }

  private set(on: boolean): void {
    if (on === this.on) return;
    this.on = on;
    this.tell(on);
  }
}

let activity: Activity | null = null;

export function startActivity(): void {
  if (activity) return;
  const tell = (on: boolean): void => void connection.send({ type: "active", on } as never); // a frame of agents only
  const mine = (activity = new Activity(tell));
  for (const sign of SIGNS) addEventListener(sign, () => mine.sign(), { passive: true, capture: true });
  // A new connection counts as somebody's: say so if nobody is here.
  whenOnline(() => mine.on || tell(false));
}
