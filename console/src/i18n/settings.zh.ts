import type { enSettings } from "./settings.en";

/** 设置部分的中文，zh.ts 的一部分。 */
export const zhSettings: Record<keyof typeof enSettings, string> = {
  "nav.settings": "设置",

  "settings.search": "搜索设置",
  "settings.none": "没有匹配的设置",
  "settings.noneText": "换个词试试，例如“欢迎语”“密码”“工作时间”。",
  "settings.group.entry": "访客入口",
  "settings.group.bot": "机器人",
  "settings.group.team": "人员",
  "settings.group.build": "接入与开发",
  "settings.group.me": "我",
  "settings.inboxes.text": "网站、欢迎语、工作时间、聊天窗代码",
  "settings.inboxes.words": "聊天窗 代码 网站 域名 欢迎语 推荐问题 工作时间 节假日 非工作时间 留言 满意度 评价 小结 自动结束 渠道 身份密钥",
  "settings.knowledge.text": "机器人回答所依据的知识，导入与导出",
  "settings.knowledge.words": "知识 问答 常见问题 导入 导出 表格 命中测试",
  "settings.rules.text": "固定回复、菜单、关键词",
  "settings.rules.words": "问候 关键词 正则 菜单 回复",
  "settings.agents.text": "同事与角色",
  "settings.agents.words": "人员 账号 角色 所有者 管理员 密码 接待量 技能 语言",
  "settings.apiKeys.text": "让自己的程序接入",
  "settings.apiKeys.words": "令牌 集成 接口 程序 密钥",
  "settings.account.text": "姓名、语言、外观、密码",
  "settings.account.words": "个人资料 深色 主题 密码 语言 登录",

  "unsaved.title": "有改动还没保存",
  "unsaved.text": "现在离开，这些改动就没有了。",
  "unsaved.stay": "继续编辑",
  "unsaved.leave": "放弃改动",
};
