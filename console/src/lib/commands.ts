/** What can be done here right now: keys and the palette read the same list. Whoever shows something
 * offers its commands while it is shown. */

import { computed, onBeforeUnmount, shallowReactive } from "vue";
import type { Key } from "@/i18n";
import type { IconName } from "@/components/Icon.vue";

export interface Command {
  name: Key;
  icon: IconName;
  /** The single key that does the same. */
  key?: string;
  /** Words that people may look for beside its name. */
  also?: string;
  /** False hides it: it does not fit what is open. */
  able?: () => boolean;
  run(): void;
}

const offered = shallowReactive(new Set<() => Command[]>());

/** What is innermost was offered last, and stands first. */
export const commands = computed(() => [...offered].reverse().flatMap((offer) => offer()).filter((each) => each.able?.() ?? true));

/** Offers commands as long as the component stands. */
export function useCommands(offer: () => Command[]): void {
  offered.add(offer);
  onBeforeUnmount(() => offered.delete(offer));
}
