/** Canned responses: found by shortcut, folder or words; variables filled in where they are used. */

import { ref } from "vue";
import { api } from "@/api";
import { unreachable } from "@/api/client";
import type { Canned } from "@/api/types";

export const canned = ref<Canned[]>([]);
let loading: Promise<void> | null = null;

/** Loads them once; with `again`, anew (they were edited). */
export function loadCanned(again = false): Promise<void> {
  if (again) loading = null;
  loading ??= (async () => {
    const found: Canned[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: Canned[]; next: string | null } = await api.canned({ limit: 200, cursor });
      found.push(...page.items);
      cursor = page.next;
    } while (cursor);
    canned.value = found;
  })().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** The files of a response, as files to be sent. Throws what the desk says against it. */
export function filesOf(reply: Canned): Promise<File[]> {
  return Promise.all((reply.files ?? []).map(async (file) => {
    const { url } = await api.cannedFileLink(reply.id, file.id);
    const answer = await fetch(url).catch(() => null);
    if (!answer?.ok) throw unreachable();
    return new File([await answer.blob()], file.name, { type: file.type });
  }));
}

const plain = (text: string): string => text.toLowerCase().normalize("NFKC");

/** Best first: the shortcut itself, its beginning, then folder and text; the visitor's language before others. */
export function matching(all: readonly Canned[], words: string, lang: string, most = 50): Canned[] {
  const wanted = plain(words);
  const scored: { c: Canned; score: number }[] = [];
  for (const c of all) {
    const shortcut = plain(c.shortcut);
    const score = !wanted ? 1 : shortcut === wanted ? 8 : shortcut.startsWith(wanted) ? 6 : shortcut.includes(wanted) ? 4
      : plain(c.folder).includes(wanted) ? 3 : plain(c.text).includes(wanted) ? 2 : 0;
    if (score) scored.push({ c, score: score + (c.lang && c.lang === lang ? 0.5 : 0) });
  }
  scored.sort((a, b) => b.score - a.score || a.c.folder.localeCompare(b.c.folder) || a.c.shortcut.localeCompare(b.c.shortcut));
  return scored.slice(0, most).map(({ c }) => c);
}

export interface Filling {
  contact: { name: string };
  agent: { name: string };
  inbox: { name: string };
  conversation: { id: number };
}

/** `{{contact.name}}` and its like filled in; one that nobody knows stays as it is, to be seen before it is sent. */
export function filled(text: string, by: Filling): string {
  const values: Record<string, string> = {
    "contact.name": by.contact.name, "agent.name": by.agent.name, "inbox.name": by.inbox.name,
    "conversation.id": String(by.conversation.id),
  };
  return text.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (whole, name: string) => values[name] ?? whole);
}
