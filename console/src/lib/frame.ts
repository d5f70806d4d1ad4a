/** Gathers what comes between two frames of the screen: nobody sees more of it than the last state. */

/** A page that is not looked at draws no frames, and still tells of a visitor who waits. */
const HIDDEN_MS = 100;

/** Calls `run` once before the next frame is drawn, however often it is asked to. */
export function perFrame(run: () => void): { ask(): void; now(): void } {
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const now = (): void => {
    if (timer === undefined) return;
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    timer = undefined;
    run();
  };
  return {
    ask: () => {
      if (timer !== undefined) return;
      timer = setTimeout(now, HIDDEN_MS);
      frame = requestAnimationFrame(now);
    },
    /** Does at once what was asked for, if anything. */
    now,
  };
}
