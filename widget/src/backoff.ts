/** When to try again after a lost connection, and when not to. */

export const FIRST_MS = 500;
export const CEILING_MS = 30_000;

/** Full jitter over a doubling ceiling, never below half of it: a restart of the server must not
 * bring every visitor back in the same second, and the first retry must still feel immediate. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(CEILING_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

/** The server asked to come back after `ms`; spread over half as much again. */
export function askedMs(ms: number, random: () => number = Math.random): number {
  return Math.round(ms + (random() * ms) / 2);
}

/** 4000–4499 and everything outside zhike's own range: come back. 4500–4999: do not. */
export function mayReconnect(code: number): boolean {
  return code < 4500 || code > 4999;
}
