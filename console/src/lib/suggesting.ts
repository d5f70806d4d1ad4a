/** The list that a `/` or an `@` opens while somebody writes: what fits, which one is marked, what
 * choosing it puts into the text. */

import { computed, ref, type Ref } from "vue";
import type { Agent, Canned } from "@/api/types";
import type { Suggestion } from "@/components/desk/SuggestList.vue";
import { canned, filled, loadCanned, matching, type Filling } from "@/lib/canned";
import { replaced, tokenAt, type Token } from "@/lib/caret";
import { ranked } from "@/lib/match";
import { colleagues } from "@/lib/people";
import { complain } from "@/lib/toasts";

/** What stands in the text afterwards; `reply`: the canned response it came from. */
export interface Chosen {
  text: string;
  caret: number;
  reply?: Canned;
}

export interface Suggesting {
  items: Ref<Suggestion[]>;
  active: Ref<number>;
  open: Ref<boolean>;
  kind: Ref<Token["kind"]>;
  look(text: string, caret: number): void;
  close(): void;
  move(by: number): void;
  choose(text: string, at?: number): Chosen | null;
}

export function useSuggesting(given: { note: () => boolean; lang: () => string; filling: () => Filling }): Suggesting {
  const token = ref<Token | null>(null);
  const active = ref(0);
  /** Escape closes the list until another word begins. */
  const closedAt = ref(-1);
  const people = computed(() => ranked<Agent>(colleagues.value, token.value?.words ?? "", (each) => each.name).slice(0, 8));
  const replies = computed(() => matching(canned.value, token.value?.words ?? "", given.lang()));
  const kind = computed(() => token.value?.kind ?? "/");
  const items = computed<Suggestion[]>(() => {
    if (kind.value === "@") return people.value.map((each) => ({ key: `a${each.id}`, title: each.name, detail: each.email, group: "" }));
    return replies.value.map((each) => ({
      key: `c${each.id}`, title: `/${each.shortcut}`, group: each.folder,
      detail: (each.files?.length ? `📎 ${each.files.length} · ` : "") + filled(each.text, given.filling()).replace(/\s+/g, " "),
    }));
  });
  const open = computed(() => token.value !== null && token.value.from !== closedAt.value && (kind.value === "/" || items.value.length > 0));

  return {
    items, active, open, kind,
    look(text, caret) {
      const found = tokenAt(text, caret);
      const fits = found && (found.kind === "/" || given.note()) ? found : null;
      if (fits?.words !== token.value?.words || fits?.from !== token.value?.from) active.value = 0;
      if (!fits) closedAt.value = -1;
      if (fits?.kind === "/" && !token.value) loadCanned().catch(complain);
      token.value = fits;
    },
    close() {
      closedAt.value = token.value?.from ?? -1;
    },
    move(by) {
      const count = items.value.length;
      if (count) active.value = (active.value + by + count) % count;
    },
    choose(text, at = active.value) {
      const now = token.value;
      if (!now) return null;
      const reply = replies.value[at];
      const person = people.value[at];
      token.value = null;
      if (now.kind === "/") return reply ? { ...replaced(text, now, filled(reply.text, given.filling())), reply } : null;
      return person ? replaced(text, now, `@${person.name} `) : null;
    },
  };
}

/** Whom a note names: their ids, each once. */
export function mentionedIn(text: string, all: readonly Agent[] = colleagues.value): number[] {
  return all.filter((each) => text.includes(`@${each.name}`)).map((each) => each.id);
}
