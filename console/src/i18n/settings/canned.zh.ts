import type { enCanned } from "./canned.en";

/** 快捷回复与标签的中文，settings.zh.ts 的一部分。 */
export const zhCanned: Record<keyof typeof enCanned, string> = {
  "canned.text": "在输入框按 / 调出；变量会自动填入。",
  "canned.new": "新建快捷回复",
  "canned.edit": "编辑快捷回复",
  "canned.search": "搜索快捷回复",
  "canned.empty": "还没有快捷回复",
  "canned.emptyText": "把每天都要说的写下来：问候、地址、退货步骤。",
  "canned.deleted": "已删除快捷回复“{name}”",
  "canned.shortcut": "快捷词",
  "canned.shortcutHint": "在 / 之后输入的词。",
  "canned.words": "内容",
  "canned.variables": "变量",
  "canned.folder": "文件夹",
  "canned.noFolder": "无",
  "canned.allFolders": "全部文件夹",
  "canned.whose": "谁可以用",
  "canned.mine": "仅自己",
  "canned.everybody": "所有人",
  "canned.team": "团队 {name}",
  "canned.readOnly": "大家共用的由主管编写。",

  "tags.text": "客服给会话打标签，便于查找和统计。",
  "tags.name": "新标签的名字",
  "tags.add": "添加标签",
  "tags.begin": "给第一个标签起名",
  "tags.empty": "还没有标签",
  "tags.emptyText": "先建三到五个想统计的：退款、投诉、表扬。",
  "tags.deleted": "已删除标签“{name}”",
  "tags.colour": "{name} 的颜色",
  "tags.rename": "{name} 的名字",
};
