/** 设置部分的中文，每页一个文件；zh.ts 的一部分。 */
import { zhAudit } from "./settings/audit.zh";
import { zhBots } from "./settings/bots.zh";
import { zhCanned } from "./settings/canned.zh";
import { zhCases } from "./settings/cases.zh";
import { zhFrame } from "./settings/frame.zh";
import { zhInboxes } from "./settings/inboxes.zh";
import { zhKnowledge } from "./settings/knowledge.zh";
import { zhModels } from "./settings/models.zh";
import { zhNotify } from "./settings/notify.zh";
import { zhPeople } from "./settings/people.zh";
import { zhPrompts } from "./settings/prompts.zh";
import { zhRules } from "./settings/rules.zh";
import { zhTools } from "./settings/tools.zh";
import { zhTrials } from "./settings/trials.zh";
import { zhUsage } from "./settings/usage.zh";
import { zhWebhooks } from "./settings/webhooks.zh";

export const zhSettings = {
  ...zhFrame,
  ...zhModels,
  ...zhPrompts,
  ...zhTools,
  ...zhTrials,
  ...zhCases,
  ...zhUsage,
  ...zhAudit,
  ...zhBots,
  ...zhKnowledge,
  ...zhRules,
  ...zhInboxes,
  ...zhPeople,
  ...zhCanned,
  ...zhNotify,
  ...zhWebhooks,
};
