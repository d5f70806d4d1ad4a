/** The kinds of targets and of news, by the names people know. */

import type { NotifyTarget } from "@/api/settingsTypes";
import type { Key } from "@/i18n";

export const KINDS: Record<NotifyTarget["kind"], Key> = {
  wecom: "notify.wecom", dingtalk: "notify.dingtalk", feishu: "notify.feishu", email: "notify.email", webhook: "notify.webhook",
};
export const WANTS: Record<NotifyTarget["wants"][number], Key> = {
  visitor_waiting: "notify.waiting", visitor_late: "notify.visitorLate", reply_late: "notify.replyLate", trouble: "notify.trouble",
};
