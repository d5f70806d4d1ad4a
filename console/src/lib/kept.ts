/** Small settings of this browser, as refs. */

import { ref, watch, type Ref } from "vue";

export function kept<T>(name: string, first: T): Ref<T> {
  const key = `zhike:${name}`;
  let value = first;
  try {
    const text = localStorage.getItem(key);
    if (text !== null) value = JSON.parse(text) as T;
  } catch {
    // Something else wrote it: start anew.
  }
  const found = ref(value) as Ref<T>;
  watch(found, (now) => localStorage.setItem(key, JSON.stringify(now)), { deep: true });
  return found;
}

/** True while the window is at most this wide. */
export function useNarrow(px: number): Ref<boolean> {
  const query = matchMedia(`(max-width: ${px}px)`);
  const found = ref(query.matches);
  query.addEventListener("change", (event) => (found.value = event.matches));
  return found;
}

export const isPhone = useNarrow(767);
export const isTablet = useNarrow(1199);
