/** The events of webhooks in groups, as people choose them, and how a webhook stands in words. */

import { EVENTS, type HookEvent } from "@/api/hookEvents";
import type { DeliveryState, Webhook } from "@/api/webhooks";
import type { Key } from "@/i18n";

export const EVENT_WORDS: Record<HookEvent, Key> = {
  "message.created": "hook.message.created", "message.recalled": "hook.message.recalled", "note.created": "hook.note.created",
  "conversation.created": "hook.conversation.created", "conversation.handed_off": "hook.conversation.handed_off", "conversation.assigned": "hook.conversation.assigned",
  "conversation.unassigned": "hook.conversation.unassigned", "conversation.returned": "hook.conversation.returned", "conversation.snoozed": "hook.conversation.snoozed",
  "conversation.woken": "hook.conversation.woken", "conversation.reopened": "hook.conversation.reopened", "conversation.resolved": "hook.conversation.resolved",
  "conversation.updated": "hook.conversation.updated", "contact.created": "hook.contact.created", "contact.updated": "hook.contact.updated", "contact.merged": "hook.contact.merged",
  "rating.created": "hook.rating.created",
};
const GROUP_WORDS: [string, Key][] = [["message note", "hook.group.said"], ["conversation", "hook.group.conversation"], ["contact", "hook.group.contact"], ["rating", "hook.group.rating"]];

export interface EventGroup {
  key: Key;
  events: HookEvent[];
}
export const EVENT_GROUPS: EventGroup[] = GROUP_WORDS.map(([nouns, key]) => ({ key, events: EVENTS.filter((event) => nouns.split(" ").includes(event.split(".")[0] ?? "")) }));

export const STATE_WORDS: Record<Webhook["state"], Key> = { active: "hook.state.active", off: "disabled", failing: "hook.state.failing", paused: "hook.state.paused" };
export const DELIVERY_WORDS: Record<DeliveryState, Key> = { waiting: "hook.delivery.waiting", sending: "hook.delivery.sending", sent: "hook.delivery.sent", failed: "hook.delivery.failed" };

/** All of a group, none of it, or some: what its box shows, and what a press on it makes of the choice. */
export function groupState(group: EventGroup, chosen: readonly HookEvent[]): "all" | "some" | "none" {
  const count = group.events.filter((event) => chosen.includes(event)).length;
  return count === 0 ? "none" : count === group.events.length ? "all" : "some";
}
export function toggled(group: EventGroup, chosen: readonly HookEvent[]): HookEvent[] {
  const all = groupState(group, chosen) === "all";
  return EVENTS.filter((event) => (group.events.includes(event) ? !all : chosen.includes(event)));
}

/** JSON with line breaks; what is none stays as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
