/** English of the settings, one file per page; part of en.ts. */
import { enAudit } from "./settings/audit.en";
import { enBots } from "./settings/bots.en";
import { enCanned } from "./settings/canned.en";
import { enCases } from "./settings/cases.en";
import { enFrame } from "./settings/frame.en";
import { enInboxes } from "./settings/inboxes.en";
import { enKnowledge } from "./settings/knowledge.en";
import { enModels } from "./settings/models.en";
import { enNotify } from "./settings/notify.en";
import { enPeople } from "./settings/people.en";
import { enPrompts } from "./settings/prompts.en";
import { enRules } from "./settings/rules.en";
import { enTools } from "./settings/tools.en";
import { enTrials } from "./settings/trials.en";
import { enUsage } from "./settings/usage.en";
import { enWebhooks } from "./settings/webhooks.en";

export const enSettings = {
  ...enFrame,
  ...enModels,
  ...enPrompts,
  ...enTools,
  ...enTrials,
  ...enCases,
  ...enUsage,
  ...enAudit,
  ...enBots,
  ...enKnowledge,
  ...enRules,
  ...enInboxes,
  ...enPeople,
  ...enCanned,
  ...enNotify,
  ...enWebhooks,
};
