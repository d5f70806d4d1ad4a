/** The commands of the desk, once: their keys, their places in the palette. */

import { computed } from "vue";
import { useRouter } from "vue-router";
import { ask } from "@/lib/asking";
import { useCommands, type Command } from "@/lib/commands";
import { useKeys } from "@/lib/keys";
import { view } from "@/lib/views";
import { giveBack, reopen } from "@/live/acts";
import { known } from "@/live/list";
import { isPinned, pin } from "@/live/open";

export interface Desk {
  targets(): number[];
  id(): number;
  open(): boolean;
  speaks(): boolean;
  mine(): boolean;
  over(): boolean;
  reply(note: boolean): void;
  product(): void;
  take(): void;
  resolve(): void;
  unread(): void;
  back(): void;
  beside(by: number): void;
  step(by: number): void;
}

export function useDeskKeys(desk: Desk): void {
  const router = useRouter();
  const now = computed(() => known.get(desk.id()));
  const some = (): boolean => desk.speaks() && desk.targets().length > 0;
  const live = (): boolean => desk.speaks() && desk.open() && !desk.over();
  const resting = (): boolean => now.value?.status === "snoozed" || now.value?.status === "resolved";
  const list: Command[] = [
    { name: "keys.reply", icon: "send", key: "r", able: live, run: () => desk.reply(false) },
    { name: "keys.note", icon: "note", key: "n", able: live, run: () => desk.reply(true) },
    { name: "keys.take", icon: "hand", key: "t", able: () => live() && !desk.mine(), run: desk.take },
    { name: "keys.assign", icon: "swap", key: "a", able: some, run: () => ask("assign", desk.targets()) },
    { name: "keys.resolve", icon: "check", key: "e", able: some, run: desk.resolve },
    { name: "keys.snooze", icon: "moon", key: "s", able: some, run: () => ask("snooze", desk.targets()) },
    { name: "keys.tags", icon: "tag", key: "l", able: some, run: () => ask("tags", desk.targets()) },
    { name: "keys.priority", icon: "flag", key: "!", able: some, run: () => ask("priority", desk.targets()) },
    { name: "keys.unread", icon: "inbox", key: "u", able: () => desk.speaks() && desk.open(), run: desk.unread },
    { name: "composer.product", icon: "bag", able: () => live() && desk.mine(), run: desk.product },
    { name: "act.return", icon: "bot", able: () => live() && now.value?.holder !== "bot", run: () => void giveBack(desk.id()) },
    { name: "act.reopen", icon: "undo", able: () => desk.speaks() && resting(), run: () => void reopen(desk.id()) },
    { name: "keys.pin", icon: "pin", key: "p", able: desk.open, run: () => pin(desk.id(), !isPinned.value.has(desk.id())) },
    { name: "contact.merge", icon: "merge", able: () => desk.speaks() && desk.open(), run: () => ask("merge", [desk.id()]) },
    { name: "keys.next", icon: "down", key: "j", run: () => desk.step(1) },
    { name: "handover.go", icon: "people", able: desk.speaks, run: () => ask("handover", []) },
    { name: "desk.go.needs", icon: "inbox", run: () => (view.value = "needs") },
    { name: "desk.go.mine", icon: "person", run: () => (view.value = "mine") },
    { name: "desk.go.mentioned", icon: "at", run: () => (view.value = "mentioned") },
    { name: "desk.go.snoozed", icon: "moon", run: () => (view.value = "snoozed") },
    { name: "desk.go.bot", icon: "bot", run: () => (view.value = "bot") },
    { name: "desk.go.all", icon: "inbox", run: () => ((view.value = "all"), void router.push("/conversations")) },
  ];
  useCommands(() => list);
  const keys = Object.fromEntries(list.flatMap((each) => (each.key && each.key !== "j"
    ? [[each.key, () => (each.able?.() ?? true) && each.run()]] : [])));
  useKeys({ ...keys, Escape: desk.back, "[": () => desk.beside(-1), "]": () => desk.beside(1) });
}
