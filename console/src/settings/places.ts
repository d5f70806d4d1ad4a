/** The settings, grouped as people look for them, and the search over them. */

import type { Role } from "@/api/types";
import { t, type Key } from "@/i18n";
import type { IconName } from "@/components/Icon.vue";

export interface Place {
  to: string;
  icon: IconName;
  key: Key;
  /** What is found there, in a line. */
  text: Key;
  /** Other words people may look for, blanks between them. */
  words: Key;
  /** The least role; without it everybody. */
  role?: Role;
}
export interface Group {
  key: Key;
  places: Place[];
}

export const GROUPS: Group[] = [
  { key: "settings.group.entry", places: [
    { to: "/inboxes", icon: "window", key: "nav.inboxes", text: "settings.inboxes.text", words: "settings.inboxes.words", role: "admin" },
  ] },
  { key: "settings.group.bot", places: [
    { to: "/knowledge", icon: "book", key: "nav.knowledge", text: "settings.knowledge.text", words: "settings.knowledge.words" },
    { to: "/rules", icon: "rules", key: "nav.rules", text: "settings.rules.text", words: "settings.rules.words" },
    { to: "/flows", icon: "flow", key: "nav.flows", text: "settings.flows.text", words: "settings.flows.words", role: "admin" },
    { to: "/bots", icon: "bot", key: "nav.bots", text: "settings.bots.text", words: "settings.bots.words", role: "admin" },
    { to: "/prompts", icon: "note", key: "nav.prompts", text: "settings.prompts.text", words: "settings.prompts.words", role: "admin" },
    { to: "/models", icon: "chip", key: "nav.models", text: "settings.models.text", words: "settings.models.words", role: "admin" },
    { to: "/cases", icon: "check", key: "nav.cases", text: "settings.cases.text", words: "settings.cases.words", role: "admin" },
  ] },
  { key: "settings.group.team", places: [
    { to: "/agents", icon: "people", key: "nav.agents", text: "settings.agents.text", words: "settings.agents.words", role: "admin" },
    { to: "/teams", icon: "hand", key: "nav.teams", text: "settings.teams.text", words: "settings.teams.words", role: "admin" },
    { to: "/canned", icon: "quick", key: "nav.canned", text: "settings.canned.text", words: "settings.canned.words" },
    { to: "/tags", icon: "tag", key: "nav.tags", text: "settings.tags.text", words: "settings.tags.words" },
  ] },
  { key: "settings.group.build", places: [
    { to: "/notify", icon: "bell", key: "nav.notify", text: "settings.notify.text", words: "settings.notify.words", role: "admin" },
    { to: "/webhooks", icon: "quick", key: "nav.webhooks", text: "settings.webhooks.text", words: "settings.webhooks.words", role: "admin" },
    { to: "/tools", icon: "tool", key: "nav.tools", text: "settings.tools.text", words: "settings.tools.words", role: "admin" },
    { to: "/api-keys", icon: "key", key: "nav.apiKeys", text: "settings.apiKeys.text", words: "settings.apiKeys.words", role: "admin" },
  ] },
  { key: "settings.group.watch", places: [
    { to: "/usage", icon: "chart", key: "nav.usage", text: "settings.usage.text", words: "settings.usage.words", role: "admin" },
    { to: "/audit", icon: "clock", key: "nav.audit", text: "settings.audit.text", words: "settings.audit.words", role: "admin" },
  ] },
  { key: "settings.group.me", places: [
    { to: "/account", icon: "person", key: "nav.account", text: "settings.account.text", words: "settings.account.words" },
  ] },
];

/** The groups with what this person may use and what fits the words; a place fits if every word stands
 * somewhere in its name, its line, its other words or its group's name. */
export function found(words: string, allowed: (role: Role) => boolean): Group[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return GROUPS.map((group) => ({
    key: group.key,
    places: group.places.filter((place) => {
      if (place.role && !allowed(place.role)) return false;
      const text = [place.key, place.text, place.words, group.key].map((key) => t(key)).join(" ").toLowerCase();
      return wanted.every((word) => text.includes(word));
    }),
  })).filter((group) => group.places.length > 0);
}
