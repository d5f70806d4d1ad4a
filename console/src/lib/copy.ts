/** Puts text on the clipboard; says so, or says how to do it by hand. */

import { t } from "@/i18n";
import { say } from "./toasts";

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(t("copied"));
  } catch {
    say(t("copyFailed")); // a page without https may not write there
  }
}
