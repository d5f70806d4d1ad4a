/** The words of the console in the reader's language; a test finds missing and unused keys. */

import { dateEnUS, dateZhCN, enUS, zhCN } from "naive-ui";
import { computed, ref, watchEffect } from "vue";
import { en } from "./en";
import { zh } from "./zh";

export type Key = keyof typeof en;
export type Lang = "zh" | "en";

const KEY = "zhike:lang";
const words: Record<Lang, Record<Key, string>> = { zh, en };

function first(): Lang {
  const kept = localStorage.getItem(KEY);
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const lang = ref<Lang>(first());

export function setLang(value: Lang): void {
  lang.value = value;
  localStorage.setItem(KEY, value);
}

export const naiveLocale = computed(() => (lang.value === "zh" ? zhCN : enUS));
export const naiveDateLocale = computed(() => (lang.value === "zh" ? dateZhCN : dateEnUS));

watchEffect(() => {
  document.documentElement.lang = lang.value === "zh" ? "zh-CN" : "en";
});

/** The text of a key, `{name}` filled in; a number is written as the language writes it. With a
 * number `n`, English chooses between `one | many` where the text has both. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  let text = words[lang.value][key];
  if (text.includes(" | ")) {
    const [one = text, many = text] = text.split(" | ");
    text = values["n"] === 1 ? one : many;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    // What nobody fills in is meant as it stands: hints tell people about {shop} and {name}.
    return typeof value === "number" ? new Intl.NumberFormat(lang.value).format(value) : (value ?? whole);
  });
}
