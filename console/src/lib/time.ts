/** Times as people read them: relative, with the exact one on hover, in the agent's time zone. */

import { onScopeDispose, ref, type Ref } from "vue";
import { lang } from "@/i18n";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** One clock for every counter on the page. */
const now = ref(Date.now());
let users = 0;
let timer: ReturnType<typeof setInterval> | undefined;

export function useNow(): Ref<number> {
  // Only the first one sets it: a row that comes into sight must not make all others count anew.
  if (users++ === 0) {
    now.value = Date.now();
    timer = setInterval(() => (now.value = Date.now()), 1000);
  }
  onScopeDispose(() => {
    if (--users === 0) clearInterval(timer);
  });
  return now;
}

/** Making a formatter costs a hundred times what using it does, and there are few of them. */
function once<F>(make: (language: string) => F): () => F {
  let made: { language: string; by: F } | undefined;
  return () => {
    if (made?.language !== lang.value) made = { language: lang.value, by: make(lang.value) };
    return made.by;
  };
}

const ago = once((language) => new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" }));
const date = once((language) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }));
const moment = once((language) => new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "medium" }));
const minute = once((language) => new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }));
const weekday = once((language) => new Intl.DateTimeFormat(language, { month: "long", day: "numeric", weekday: "short" }));

export function relative(at: string | number, from: number): string {
  const ms = new Date(at).getTime() - from;
  const words = ago();
  const size = Math.abs(ms);
  if (size < MINUTE) return words.format(0, "second");
  if (size < HOUR) return words.format(Math.trunc(ms / MINUTE), "minute");
  if (size < DAY) return words.format(Math.trunc(ms / HOUR), "hour");
  if (size < 7 * DAY) return words.format(Math.trunc(ms / DAY), "day");
  return date().format(new Date(at));
}

export function exact(at: string | number): string {
  return moment().format(new Date(at));
}

export function clock(at: string | number): string {
  return minute().format(new Date(at));
}

export function day(at: string | number): string {
  return weekday().format(new Date(at));
}

/** A time somebody waits: 0:07, 12:40, 3:05:00. */
export function waited(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const minutes = Math.floor(s / 60) % 60;
  const hours = Math.floor(s / 3600);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}
