/** Figures as the reader's language writes them. */

import { lang } from "@/i18n";

export function count(value: number): string {
  return new Intl.NumberFormat(lang.value).format(value);
}

export function short(value: number): string {
  return new Intl.NumberFormat(lang.value, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** Money without a sign: the currency is whatever the settings' prices are in. */
export function money(value: number): string {
  return new Intl.NumberFormat(lang.value, { minimumFractionDigits: 2, maximumFractionDigits: value && value < 0.1 ? 4 : 2 }).format(value);
}

/** 320 ms, 1.4 s. */
export function ms(value: number): string {
  const second = value >= 1000;
  return new Intl.NumberFormat(lang.value, {
    style: "unit", unit: second ? "second" : "millisecond", unitDisplay: "short", maximumFractionDigits: second ? 1 : 0,
  }).format(second ? value / 1000 : value).replace(" ", "\u00a0");
}

export function dayOf(value: string): string {
  return new Intl.DateTimeFormat(lang.value, { month: "short", day: "numeric", timeZone: "UTC" }).format(new Date(value));
}
