import type { enKnowledge } from "./knowledge.en";

/** 知识（条目、导入、导出）的中文，settings.zh.ts 的一部分。 */
export const zhKnowledge: Record<keyof typeof enKnowledge, string> = {
  "knowledge.more": "导入与导出",

  "import.title": "从文件导入",
  "import.text": "有“问题”“答案”两列的表格（CSV、Excel、JSON lines、YAML），或文档（Word、PDF、Markdown、网页）。已有的知识会更新，不会重复。",
  "import.language": "没有注明语言的行",
  "import.anyLang": "自动识别",
  "import.choose": "选择文件",
  "import.drop": "或拖到这里",
  "import.tooLarge": "文件太大，浏览器放不下（最多 {n} MB）。请用命令 `zhike kb import`。",
  "import.found": "找到 {n} 条知识",
  "import.skipped": "跳过 {n} 处：看看原因",
  "import.line": "第 {n} 行：{why}",
  "import.progress": "进度",
  "import.report": "新增 {added}，修改 {changed}，不变 {same}",
  "import.stopped": "已停止；已存的会保留，再次导入会继续。",
  "import.stop": "停止",
  "import.run": "导入 {n} 条",

  "export.csv": "导出 CSV（可用 Excel 打开）",
  "export.jsonl": "导出 JSON lines",

  "test.openArticle": "打开这条知识",
  "test.openRule": "查看规则",

  "article.more": "按钮、图片、有效期",
  "article.buttonsHint": "每行一个：文字；或 文字 = 要发送的话；或 文字 = https://… 打开网页。",
  "article.images": "图片",
  "article.links": "链接",
  "article.cardsHint": "每行一个；地址前可以写标题。",
  "article.inboxes": "只对这些收件箱的访客",
  "article.from": "生效时间",
  "article.until": "失效时间",
  "article.untilHint": "不在有效期内时，机器人不会使用。",
};
