/** How people without a name are called. */

import type { Conversation } from "@/api/types";
import { t } from "@/i18n";

export function nameOf(c: Pick<Conversation, "contact_name" | "contact_id">): string {
  return c.contact_name || t("visitorNumber", { n: String(c.contact_id) });
}
