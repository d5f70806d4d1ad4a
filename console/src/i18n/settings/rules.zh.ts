import type { enRules } from "./rules.en";

/** 规则的中文，settings.zh.ts 的一部分。 */
export const zhRules: Record<keyof typeof enRules, string> = {
  "rule.try": "试一试：访客可能怎么说",
  "rule.tryRun": "试试",
  "rule.caught": "会命中这条规则。",
  "rule.notCaught": "不会命中这条规则。",
  "rule.flow": "然后启动流程",
  "rule.flowHint": "回复之后由流程继续追问。",
  "rule.noFlow": "不启动",
  "rule.toFlow": "流程 {key}",
};
