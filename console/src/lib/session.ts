/** Who is signed in, and what that person may do. */

import { computed, ref } from "vue";
import { api, type Me } from "@/api";
import { ApiError, setCsrf } from "@/api/client";
import type { Role } from "@/api/types";
import { setLang } from "@/i18n";

const RANK: Record<Role, number> = { agent: 1, admin: 2, owner: 3 };

export const me = ref<Me | null>(null);
export const myId = computed(() => me.value?.agent?.id ?? 0);

export function may(role: Role): boolean {
  return me.value !== null && RANK[me.value.role] >= RANK[role];
}

export function enter(found: Me): void {
  me.value = found;
  setCsrf(found.csrf_token);
  const wish = found.agent?.lang;
  if (wish === "zh" || wish === "en") setLang(wish);
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
