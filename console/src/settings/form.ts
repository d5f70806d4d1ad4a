/** A form: its values, whether they were changed, saving, and which field the server refused. */

import { computed, nextTick, reactive, ref, type ComputedRef, type Ref } from "vue";
import { covers, faultPath, faultText } from "./faults";
import { useUnsaved } from "./unsaved";

export interface Form<T extends object> {
  values: T;
  dirty: ComputedRef<boolean>;
  busy: Ref<boolean>;
  problem: Ref<unknown>;
  /** The refusal, unless a field of the form shows it. */
  general: ComputedRef<unknown>;
  /** The words beside a field; "" if it is all right. `paths`: as the server names it. */
  at(...paths: string[]): string;
  /** Starts again from these values. */
  reset(values: T): void;
  /** Runs a save; afterwards the values count as saved. False if it was refused. */
  save(run: () => Promise<unknown>): Promise<boolean>;
}

const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export function useForm<T extends object>(first: T): Form<T> {
  const values = reactive(copyOf(first)) as T;
  const kept = ref(JSON.stringify(values));
  const dirty = computed(() => JSON.stringify(values) !== kept.value);
  const busy = ref(false);
  const problem = ref<unknown>(null);
  const shown = new Set<string>();

  const form: Form<T> = {
    values, dirty, busy, problem,
    general: computed(() => {
      const path = faultPath(problem.value);
      return path && [...shown].some((field) => covers(field, path)) ? null : problem.value;
    }),
    at(...paths) {
      for (const path of paths) shown.add(path);
      const path = faultPath(problem.value);
      return path && paths.some((field) => covers(field, path)) ? faultText(problem.value) : "";
    },
    reset(now) {
      Object.assign(values, copyOf(now));
      kept.value = JSON.stringify(values);
      problem.value = null;
    },
    async save(run) {
      if (busy.value) return false;
      busy.value = true;
      problem.value = null;
      try {
        const sent = JSON.stringify(values);
        await run();
        kept.value = sent;
        return true;
      } catch (error) {
        problem.value = error;
        void nextTick(() => document.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
        return false;
      } finally {
        busy.value = false;
      }
    },
  };
  useUnsaved(() => dirty.value && !busy.value);
  return form;
}
