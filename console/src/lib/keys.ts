/** Single keys, as Linear and Gmail have them. They are off while somebody writes. */

import { onBeforeUnmount, onMounted } from "vue";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

function writing(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return !!target && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function useKeys(keys: Keys): void {
  const down = (event: KeyboardEvent): void => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    // Dialogs have their own keys.
    if (writing(event) || document.querySelector("[role=dialog]")) return;
    const run = keys[event.key];
    if (!run) return;
    event.preventDefault();
    run(event);
  };
  onMounted(() => addEventListener("keydown", down));
  onBeforeUnmount(() => removeEventListener("keydown", down));
}
