/** The bots, and which of them the pages of knowledge and rules are about. */

import { computed, ref } from "vue";
import { api } from "@/api";
import type { Bot } from "@/api/types";
import { kept } from "./kept";

export const bots = ref<Bot[]>([]);
const wish = kept("bot", 0);

export const bot = computed<Bot | null>(() => bots.value.find((each) => each.id === wish.value) ?? bots.value[0] ?? null);

export function chooseBot(id: number): void {
  wish.value = id;
}

export async function loadBots(): Promise<void> {
  if (bots.value.length === 0) bots.value = (await api.bots()).items;
}
