/** Edits that were not saved are not lost by a click: whoever leaves is asked first. */

import { getCurrentInstance, onBeforeUnmount, onMounted, shallowRef } from "vue";
import { onBeforeRouteLeave, onBeforeRouteUpdate } from "vue-router";

/** The question that stands on the screen; `LeaveDialog` shows it. */
export const asking = shallowRef<((leave: boolean) => void) | null>(null);

/** Asks whether to throw the edits away; at once true where there are none. */
export function mayLeave(dirty: boolean): Promise<boolean> {
  if (!dirty) return Promise.resolve(true);
  asking.value?.(false); // one question at a time: an older one is answered by staying
  return new Promise((resolve) => {
    asking.value = (leave) => {
      asking.value = null;
      resolve(leave);
    };
  });
}

/** Guards a page, or an editor on it: against other pages, and against closing the tab. */
export function useUnsaved(dirty: () => boolean): void {
  const closing = (event: BeforeUnloadEvent): void => {
    if (dirty()) event.preventDefault();
  };
  onMounted(() => addEventListener("beforeunload", closing));
  onBeforeUnmount(() => removeEventListener("beforeunload", closing));
  if (!getCurrentInstance()) return;
  onBeforeRouteLeave(() => mayLeave(dirty()));
  onBeforeRouteUpdate(() => mayLeave(dirty()));
}
