/** The inboxes' names, loaded once for whoever shows them. */

import { ref } from "vue";
import { api } from "@/api";
import type { Inbox } from "@/api/types";
import { complain } from "@/lib/toasts";

export const inboxes = ref<Inbox[]>([]);
let loading: Promise<void> | null = null;

export function loadInboxes(again = false): Promise<void> {
  if (again) loading = null;
  loading ??= api.inboxes().then(
    (page) => void (inboxes.value = page.items),
    (error: unknown) => {
      loading = null;
      complain(error);
    },
  );
  return loading;
}

export function inboxName(id: number): string {
  return inboxes.value.find((inbox) => inbox.id === id)?.name ?? "";
}

/** How conversations of an inbox can end; empty where nobody needs to say. */
export function wrapUpsOf(id: number): string[] {
  const words = inboxes.value.find((inbox) => inbox.id === id)?.settings["wrap_ups"];
  return Array.isArray(words) ? words.filter((each): each is string => typeof each === "string") : [];
}
