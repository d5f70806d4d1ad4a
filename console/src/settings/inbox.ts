/** An inbox between its form and the API. A setting that is emptied is removed (null). */

import type { Inbox, InboxSettings } from "@/api/types";
import { lines } from "./lines";

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Day = (typeof DAYS)[number];
export type Pair = { zh: string; en: string };

export interface HoursForm {
  enabled: boolean;
  timezone: string;
  week: Record<Day, [string, string][]>;
  cn: boolean;
  closed: string;
  open: string;
}

export interface InboxForm {
  key: string;
  name: string;
  channel: string;
  bot_id: number;
  team_id: number;
  origins: string;
  greeting: Pair;
  suggestions: Pair;
  preview: boolean;
  pages: boolean;
  pagesKeep: string;
  hours: HoursForm;
  outOfOffice: Pair;
  offline: boolean;
  offlineFields: string[];
  csat: boolean;
  question: Pair;
  wrapUps: string;
  /** Hours; null = never. */
  resolveAfter: number | null;
  callback: string;
  reachMail: boolean;
  /** Seconds. */
  reachWait: number | null;
  reachPage: string;
  reachSms: string;
}

/** Which tab shows a setting: a refusal must not hide behind another. */
export const TABS = ["general", "welcome", "hours", "reach", "after", "install"] as const;
export type Tab = (typeof TABS)[number];
const PLACES: Record<Tab, string[]> = {
  general: ["name", "key", "bot_id", "settings.team_id", "settings.callback_url"],
  welcome: ["settings.greeting", "settings.suggestions", "settings.typing_preview", "settings.pages"],
  hours: ["settings.hours", "settings.out_of_office", "settings.offline_form"],
  reach: ["settings.reach"],
  after: ["settings.csat", "settings.wrap_ups", "settings.auto_resolve_after_s"],
  install: ["settings.origins", "settings.identity_secret"],
};
export function tabOf(path: string): Tab | null {
  return TABS.find((tab) => PLACES[tab].some((field) => path.startsWith(field))) ?? null;
}

const pair = (value: unknown): Pair => {
  const found = (value ?? {}) as Partial<Pair>;
  return { zh: found.zh ?? "", en: found.en ?? "" };
};

export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "Asia/Shanghai";
}

function hoursForm(value: unknown): HoursForm {
  const found = value as { timezone?: string; week?: Partial<Record<Day, [string, string][]>>; holidays?: string; closed?: string[]; open?: string[] } | undefined;
  const workday = (day: Day): [string, string][] => (DAYS.indexOf(day) < 5 ? [["09:00", "18:00"]] : []);
  return {
    enabled: found !== undefined,
    timezone: found?.timezone ?? ownZone(),
    // A time box knows no 24:00; midnight at the end of a day is written 00:00 there.
    week: Object.fromEntries(DAYS.map((day) => [day, (found ? (found.week?.[day] ?? []) : workday(day)).map(([from, to]) => [from, to === "24:00" ? "00:00" : to])])) as HoursForm["week"],
    cn: found ? found.holidays === "cn" : true,
    closed: (found?.closed ?? []).join("\n"), open: (found?.open ?? []).join("\n"),
  };
}

export function inboxForm(inbox: Inbox | null, bot: number): InboxForm {
  const s = (inbox?.settings ?? {}) as InboxSettings & Record<string, unknown>;
  const offline = s["offline_form"] as { enabled?: boolean; fields?: string[] } | undefined;
  const csat = s["csat"] as { enabled?: boolean; question?: Pair } | undefined;
  const after = s["auto_resolve_after_s"];
  const reach = (s["reach"] ?? {}) as { email?: boolean; wait_s?: number; page?: string; sms_url?: string };
  const pages = (s["pages"] ?? {}) as { enabled?: boolean; keep?: string[] };
  return {
    key: inbox?.key ?? "", name: inbox?.name ?? "", channel: inbox?.channel ?? "web", bot_id: inbox ? (inbox.bot_id ?? 0) : bot,
    team_id: (s["team_id"] as number | undefined) ?? 0, origins: (s.origins ?? []).join("\n"), greeting: pair(s.greeting),
    suggestions: { zh: (s.suggestions?.zh ?? []).join("\n"), en: (s.suggestions?.en ?? []).join("\n") },
    preview: s["typing_preview"] === true,
    pages: pages.enabled !== false, pagesKeep: (pages.keep ?? []).join("\n"),
    hours: hoursForm(s["hours"]), outOfOffice: pair(s["out_of_office"]), offline: offline?.enabled ?? false,
    offlineFields: offline?.fields ?? ["name", "phone"], csat: csat?.enabled ?? false, question: pair(csat?.question),
    wrapUps: ((s["wrap_ups"] as string[] | undefined) ?? []).join("\n"), resolveAfter: typeof after === "number" ? after / 3600 : null,
    callback: (s["callback_url"] as string | undefined) ?? "",
    reachMail: reach.email ?? false, reachWait: reach.wait_s ?? null, reachPage: reach.page ?? "", reachSms: reach.sms_url ?? "",
  };
}

const some = <T>(value: T[]): T[] | null => (value.length ? value : null);
function texts(value: Pair): Partial<Pair> | null {
  const found = { ...(value.zh.trim() ? { zh: value.zh.trim() } : {}), ...(value.en.trim() ? { en: value.en.trim() } : {}) };
  return Object.keys(found).length ? found : null;
}

function hoursOf(form: HoursForm): Record<string, unknown> | null {
  if (!form.enabled) return null;
  const week = Object.fromEntries(DAYS.filter((day) => form.week[day].length > 0).map((day) => [day, form.week[day].map(([from, to]) => [from, to === "00:00" ? "24:00" : to])]));
  return {
    timezone: form.timezone, week, holidays: form.cn ? "cn" : "none",
    ...(lines(form.closed).length ? { closed: lines(form.closed) } : {}), ...(lines(form.open).length ? { open: lines(form.open) } : {}),
  };
}

function reachOf(form: InboxForm): Record<string, unknown> | null {
  if (form.channel !== "web" || (!form.reachMail && !form.reachSms.trim())) return null;
  return {
    email: form.reachMail, ...(form.reachWait === null ? {} : { wait_s: Math.round(form.reachWait) }),
    ...(form.reachPage.trim() ? { page: form.reachPage.trim() } : {}), ...(form.reachSms.trim() ? { sms_url: form.reachSms.trim() } : {}),
  };
}

function pagesOf(form: InboxForm): Record<string, unknown> | null {
  if (!form.pages) return { enabled: false };
  const keep = lines(form.pagesKeep);
  return keep.length ? { keep } : null;
}

export function settingsOf(form: InboxForm): Record<string, unknown> {
  const suggestions = { ...(lines(form.suggestions.zh).length ? { zh: lines(form.suggestions.zh) } : {}), ...(lines(form.suggestions.en).length ? { en: lines(form.suggestions.en) } : {}) };
  const question = texts(form.question);
  return {
    origins: some(lines(form.origins)), greeting: texts(form.greeting), suggestions: Object.keys(suggestions).length ? suggestions : null,
    typing_preview: form.preview || null, pages: pagesOf(form), team_id: form.team_id || null, hours: hoursOf(form.hours), out_of_office: texts(form.outOfOffice),
    offline_form: form.offline ? { enabled: true, fields: form.offlineFields } : null,
    csat: form.csat ? { enabled: true, ...(question ? { question } : {}) } : null, wrap_ups: some(lines(form.wrapUps)),
    auto_resolve_after_s: form.resolveAfter ? Math.round(form.resolveAfter * 3600) : null,
    reach: reachOf(form),
    ...(form.channel === "api" ? { callback_url: form.callback.trim() || null } : {}),
  };
}
