/** How people without a name are called. */

import type { Conversation } from "@/api/types";
import { t } from "@/i18n";

export function nameOf(c: Pick<Conversation, "contact_name" | "contact_id">): string {
  return c.contact_name || t("visitorNumber", { n: String(c.contact_id) });
}

/** The dots that stand for personal data this role does not see (answer/mask/veil.py); nobody types them. */
const DOTS = "••••";

export function isMasked(...texts: string[]): boolean {
  return texts.some((text) => text.includes(DOTS));
}
