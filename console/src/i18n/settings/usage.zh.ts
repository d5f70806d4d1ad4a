import type { enUsage } from "./usage.en";

/** 用量的中文，settings.zh.ts 的一部分。 */
export const zhUsage: Record<keyof typeof enUsage, string> = {
  "usage.text": "向模型的请求、token 数，以及按设置中的价格计算的费用。日期按 UTC。",
  "usage.empty": "这段时间没有用过模型",
  "usage.emptyText": "规则和知识不需要模型。用到模型时，这里会显示 token 和费用。",
  "usage.days": "最近 {n} 天",
  "usage.period": "时间段",
  "usage.allBots": "全部机器人",
  "usage.requests": "请求数",
  "usage.tokens": "token",
  "usage.read": "输入 token",
  "usage.written": "输出 token",
  "usage.costByDay": "每天的费用",
  "usage.tokensByDay": "每天的 token",
  "usage.byModel": "按模型",
};
