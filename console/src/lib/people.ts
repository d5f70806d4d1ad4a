/** Colleagues, teams and tags, loaded once for whoever shows them; who is there follows by events. */

import { computed, reactive, ref, shallowRef } from "vue";
import { api } from "@/api";
import { ApiError } from "@/api/client";
import type { Agent, Availability, Presence, Tag, Team } from "@/api/types";
import { myId } from "@/lib/session";
import { complain } from "@/lib/toasts";
import { listen, whenOnline } from "@/live/socket";

export const agents = shallowRef<Agent[]>([]);
export const teams = shallowRef<Team[]>([]);
export const tags = shallowRef<Tag[]>([]);
export const presence = reactive(new Map<number, Presence>());
export const availability = computed<Availability>(() => presence.get(myId.value)?.availability ?? wish.value);
const wish = ref<Availability>("online");

/** Who can hold a conversation. */
export const colleagues = computed(() => agents.value.filter((each) => each.enabled));

export function agentName(id: number | null | undefined): string {
  return agents.value.find((each) => each.id === id)?.name ?? "";
}

export function teamName(id: number | null | undefined): string {
  return teams.value.find((each) => each.id === id)?.name ?? "";
}

/** The team in whose queue a conversation waits, by the name we know it under. */
export function teamOf(c: { team_id?: number | null; team_name?: string }): string {
  return teamName(c.team_id) || c.team_name || "";
}

/** Not everybody may read all of it: what is forbidden stays empty, the rest is told. */
async function quietly(load: () => Promise<void>): Promise<void> {
  try {
    await load();
  } catch (error) {
    if (!(error instanceof ApiError) || ![0, 403, 404].includes(error.status)) complain(error);
  }
}

export function loadPeople(): Promise<unknown> {
  return Promise.all([
    quietly(async () => void (agents.value = (await api.agents()).items)),
    quietly(async () => void (teams.value = (await api.teams()).items)),
    quietly(async () => void (tags.value = (await api.tags()).items)),
    quietly(async () => {
      for (const each of await api.presence()) presence.set(each.agent_id, each);
    }),
  ]);
}

export async function setAvailability(to: Availability): Promise<void> {
  try {
    await api.setAvailability(to);
    wish.value = to;
    const mine = presence.get(myId.value);
    if (mine) presence.set(myId.value, { ...mine, availability: to });
  } catch (error) {
    complain(error);
  }
}

let running = false;

export function startPeople(): void {
  if (running) return;
  running = true;
  listen((frame) => {
    if (frame.type === "presence") presence.set(frame.agent_id, { ...presence.get(frame.agent_id), ...frame });
  });
  whenOnline(() => void loadPeople());
}

export function forgetPeople(): void {
  agents.value = [];
  teams.value = [];
  tags.value = [];
  presence.clear();
}
