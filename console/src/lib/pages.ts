/** A list that comes page by page and is searched by words. */

import { ref, shallowRef, watch, type Ref } from "vue";
import type { Page } from "@/api/types";

const SEARCH_AFTER_MS = 250;

export interface Paged<T> {
  items: Ref<T[]>;
  words: Ref<string>;
  loading: Ref<boolean>;
  loaded: Ref<boolean>;
  error: Ref<unknown>;
  more: Ref<boolean>;
  reload(): Promise<void>;
  next(): Promise<void>;
}

type Fetch<T> = (query: { q: string; cursor: string | null }, signal: AbortSignal) => Promise<Page<T>>;

export function usePages<T>(fetch: Fetch<T>): Paged<T> {
  const items = shallowRef<T[]>([]);
  const words = ref("");
  const loading = ref(false);
  const loaded = ref(false);
  const error = ref<unknown>(null);
  const more = ref(false);
  let cursor: string | null = null;
  let running: AbortController | null = null;

  async function run(fresh: boolean): Promise<void> {
    running?.abort();
    const mine = (running = new AbortController());
    loading.value = true;
    error.value = null;
    try {
      const page = await fetch({ q: words.value.trim(), cursor: fresh ? null : cursor }, mine.signal);
      items.value = fresh ? page.items : [...items.value, ...page.items];
      cursor = page.next;
      more.value = cursor !== null;
      loaded.value = true;
    } catch (reason) {
      if (running === mine) error.value = reason;
    } finally {
      if (running === mine) loading.value = false;
    }
  }

  let timer: ReturnType<typeof setTimeout> | undefined;
  watch(words, () => {
    clearTimeout(timer);
    timer = setTimeout(() => void run(true), SEARCH_AFTER_MS);
  });
  void run(true);
  return {
    items, words, loading, loaded, error, more,
    reload: () => run(true),
    next: async () => {
      if (more.value && !loading.value) await run(false);
    },
  };
}
