/** Sizes of files as people say them. */

import { lang } from "@/i18n";

export function sizeWords(bytes: number): string {
  const [value, unit] = bytes < 1e6 ? [Math.ceil(bytes / 1e3), "KB"] : [bytes / 1e6, "MB"];
  return `${new Intl.NumberFormat(lang.value, { maximumFractionDigits: 1 }).format(value)} ${unit}`;
}

/** Seconds as 1:05. */
export function lengthWords(seconds: number): string {
  const all = Math.max(0, Math.round(seconds));
  return `${Math.floor(all / 60)}:${String(all % 60).padStart(2, "0")}`;
}
