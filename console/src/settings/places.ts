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
  ] },
  { key: "settings.group.team", places: [
    { to: "/agents", icon: "people", key: "nav.agents", text: "settings.agents.text", words: "settings.agents.words", role: "admin" },
  ] },
  { key: "settings.group.build", places: [
    { to: "/api-keys", icon: "key", key: "nav.apiKeys", text: "settings.apiKeys.text", words: "settings.apiKeys.words", role: "admin" },
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
