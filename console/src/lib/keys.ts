/** Single keys, as Linear and Gmail have them. They are off while somebody writes. */

import { onBeforeUnmount, onMounted, watch, type Ref } from "vue";

export type Keys = Record<string, (event: KeyboardEvent) => void>;

function writing(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return !!target && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** What lies over the page and has its own keys: dialogs, menus, lists to choose from, what a button folds out. */
const OVER = "[role=dialog], .n-dropdown-menu, .n-base-select-menu, .n-popover:not(.n-tooltip)";
/** Whether something did when the key went down: by the time it arrives here, its own key has closed it. */
let covered = false;
if (typeof window !== "undefined") {
  const shown = (el: Element): boolean => el.getClientRects().length > 0;
  addEventListener("keydown", () => (covered = [...document.querySelectorAll(OVER)].some(shown)), { capture: true });
}

export function useKeys(keys: Keys): void {
  const down = (event: KeyboardEvent): void => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (writing(event) || covered) return;
    const run = keys[event.key];
    if (!run) return;
    event.preventDefault();
    run(event);
  };
  onMounted(() => addEventListener("keydown", down));
  onBeforeUnmount(() => removeEventListener("keydown", down));
}

/** Escape closes what a button folds out, and the focus goes back to that button. */
export function useEscape(open: Ref<boolean>): void {
  let opener: HTMLElement | null = null;
  const down = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    open.value = false;
    opener?.focus();
  };
  const listen = (on: boolean): void => {
    if (on) opener = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    if (on) addEventListener("keydown", down, { capture: true });
    else removeEventListener("keydown", down, { capture: true });
  };
  watch(open, listen, { flush: "sync" });
  onBeforeUnmount(() => listen(false));
}
