/** A bot's settings between the form and the API. What the form does not show is left alone. */

import { lines } from "./lines";

export interface BotForm {
  name: string;
  fallbackZh: string;
  fallbackEn: string;
  handoffZh: string;
  handoffEn: string;
  holdingZh: string;
  holdingEn: string;
  /** Percent; null = the default of the program. */
  answer: number | null;
  suggest: number | null;
  wait: number | null;
  models: string[];
  tools: string[];
  template: string | null;
  forbidden: string;
  out_of_scope: string;
  /** A group to a line, `=` between its words. */
  synonyms: string;
}

type Texts = { zh?: string; en?: string } | undefined;
const text = (settings: Record<string, unknown>, name: string, lang: "zh" | "en"): string => (settings[name] as Texts)?.[lang] ?? "";
const percentOf = (value: unknown): number | null => (typeof value === "number" ? Math.round(value * 100) : null);
const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

export function botForm(name: string, s: Record<string, unknown>): BotForm {
  return {
    name, fallbackZh: text(s, "fallback", "zh"), fallbackEn: text(s, "fallback", "en"), handoffZh: text(s, "handoff", "zh"),
    handoffEn: text(s, "handoff", "en"), holdingZh: text(s, "holding", "zh"), holdingEn: text(s, "holding", "en"),
    answer: percentOf(s["answer_threshold"]), suggest: percentOf(s["suggest_threshold"]),
    wait: typeof s["fragment_wait_s"] === "number" ? s["fragment_wait_s"] : null, models: list(s["models"]), tools: list(s["tools"]),
    template: typeof s["template"] === "string" ? s["template"] : null,
    forbidden: list(s["forbidden"]).join("\n"), out_of_scope: list(s["out_of_scope"]).join("\n"),
    synonyms: (Array.isArray(s["synonyms"]) ? (s["synonyms"] as unknown[]) : []).map((group) => list(group).join(" = ")).join("\n"),
  };
}

/** Null removes a setting, and the program's own default holds again. */
export function botSettings(form: BotForm): Record<string, unknown> {
  const texts = (zh: string, en: string): Record<string, string> | null => {
    const found = { ...(zh.trim() ? { zh: zh.trim() } : {}), ...(en.trim() ? { en: en.trim() } : {}) };
    return Object.keys(found).length ? found : null;
  };
  const some = <T>(values: T[]): T[] | null => (values.length ? values : null);
  return {
    fallback: texts(form.fallbackZh, form.fallbackEn), handoff: texts(form.handoffZh, form.handoffEn),
    holding: texts(form.holdingZh, form.holdingEn),
    answer_threshold: form.answer === null ? null : form.answer / 100, suggest_threshold: form.suggest === null ? null : form.suggest / 100,
    fragment_wait_s: form.wait, models: some(form.models), tools: some(form.tools), template: form.template || null,
    forbidden: some(lines(form.forbidden)), out_of_scope: some(lines(form.out_of_scope)),
    synonyms: some(lines(form.synonyms).map((line) => line.split("=").map((word) => word.trim()).filter(Boolean)).filter((group) => group.length > 0)),
  };
}
