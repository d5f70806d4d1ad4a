/** Who is signed in, and what that person may do. */

import { computed, ref } from "vue";
import { api, type Me } from "@/api";
import { ApiError, setCsrf } from "@/api/client";
import type { Role } from "@/api/types";
import { lang, setLang, type Lang } from "@/i18n";

const RANK: Record<Role, number> = { analyst: 0, agent: 1, supervisor: 2, admin: 3, owner: 4 };

export const me = ref<Me | null>(null);
export const myId = computed(() => me.value?.agent?.id ?? 0);

export function may(role: Role): boolean {
  return me.value !== null && RANK[me.value.role] >= RANK[role];
}

export type Right = "read" | "speak" | "supervise" | "report" | "administer" | "own";

/** What the role may, in the server's own words. */
export function can(right: Right): boolean {
  return me.value?.rights?.includes(right) ?? false;
}

/** A language was chosen on this page, by hand: it counts for more than what the account says. */
let chosen = false;

export function enter(found: Me): void {
  me.value = found;
  setCsrf(found.csrf_token);
  const wish = found.agent?.lang;
  if (chosen) keepLang();
  else if (wish === "zh" || wish === "en") setLang(wish);
}

/** The choice of a person: for this browser, and with the account for every other. */
export function chooseLang(value: Lang): void {
  chosen = true;
  setLang(value);
  keepLang();
}

function keepLang(): void {
  const agent = me.value?.agent;
  if (!agent || agent.lang === lang.value) return;
  agent.lang = lang.value;
  // If it cannot be kept now, this browser knows it all the same, and the next sign-in tries again.
  api.changeMe({ lang: lang.value }).catch(() => undefined);
}

export function leave(): void {
  me.value = null;
  setCsrf("");
}

/** True if somebody is signed in; asks the server once. */
export async function signedIn(): Promise<boolean> {
  if (me.value) return true;
  try {
    enter(await api.me());
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false;
    throw error;
  }
}
