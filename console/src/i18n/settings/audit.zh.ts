import type { enAudit } from "./audit.en";

/** 操作记录的中文，settings.zh.ts 的一部分。 */
export const zhAudit: Record<keyof typeof enAudit, string> = {
  "audit.text": "人和程序做过的每一次改动，最新的在前。",
  "audit.all": "全部操作",
  "audit.action": "操作",
  "audit.target": "改了什么，例如 article:17",
  "audit.empty": "还没有改动",
  "audit.emptyText": "对设置、知识和人员的改动会记在这里。",
  "audit.clear": "清除筛选",
  "audit.time": "时间",
  "audit.actor": "操作者",
  "audit.where": "对象",
  "audit.end": "没有更多了。",
  "audit.verify": "核对",
  "audit.export": "导出",
  "audit.anybody": "任何人",
  "audit.whole": "完整：核对了 {n} 条，没有被改动或缺失。",
  "audit.broken": "第 {id} 条处断裂：缺失或被改动。",
};
