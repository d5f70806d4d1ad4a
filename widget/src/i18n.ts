/** Every word the widget shows, written in both languages. */

const en = {
  title: "Chat with us",
  open: "Open chat",
  openUnread: "Open chat, {n} new",
  close: "Close chat",
  log: "Conversation",
  placeholder: "Write a message…",
  send: "Send",
  person: "Talk to a person",
  personSaid: "I would like to talk to a person.",
  bot: "Bot",
  ai: "AI-generated",
  you: "You",
  agent: "Support",
  statusBot: "The bot answers at once",
  statusQueue: "Waiting for a person — you can keep writing",
  statusAgent: "{name} is with you",
  statusNone: "Closed. Write to start again.",
  statusReady: "We are here to help",
  connecting: "Connecting…",
  starting: "Starting, one moment…",
  reconnecting: "Connection lost. Reconnecting…",
  offline: "You are offline. What you write is kept and sent later.",
  slowed: "A lot at once. The rest is sent in a moment.",
  stopped: "The chat cannot go on here.",
  again: "Try again",
  source: "Source: {title}",
  comma: ", ",
  sending: "Sending",
  stored: "Sent",
  read: "Read",
  failed: "Not sent: {why}",
  retry: "Retry",
  discard: "Discard",
  typing: "Writing…",
  newBelow: "New messages",
  older: "Earlier messages",
  loading: "Loading…",
  more: "Show all",
  less: "Show less",
  tooLong: "{n} characters too many",
  newTalk: "New conversation",
  today: "Today",
  yesterday: "Yesterday",
  opensNew: "opens in a new tab",
};

export type Key = keyof typeof en;

const zh: Record<Key, string> = {
  title: "在线咨询",
  open: "打开咨询窗口",
  openUnread: "打开咨询窗口，{n} 条新消息",
  close: "关闭咨询窗口",
  log: "会话内容",
  placeholder: "请输入您的问题…",
  send: "发送",
  person: "转人工",
  personSaid: "我想转人工客服。",
  bot: "机器人",
  ai: "AI 生成",
  you: "我",
  agent: "客服",
  statusBot: "机器人即时回复",
  statusQueue: "正在为您转接客服，可以继续留言",
  statusAgent: "客服{name}为您服务",
  statusNone: "会话已结束，发送消息可重新开始",
  statusReady: "有什么可以帮您？",
  connecting: "正在连接…",
  starting: "服务正在启动，请稍候…",
  reconnecting: "连接中断，正在重连…",
  offline: "网络已断开，您输入的内容会保留并稍后发送",
  slowed: "消息较多，其余内容稍后自动发送",
  stopped: "暂时无法在此页面咨询。",
  again: "重试",
  source: "来源：{title}",
  comma: "、",
  sending: "发送中",
  stored: "已发送",
  read: "已读",
  failed: "未发送：{why}",
  retry: "重试",
  discard: "删除",
  typing: "正在输入…",
  newBelow: "新消息",
  older: "查看更早的消息",
  loading: "加载中…",
  more: "展开全文",
  less: "收起",
  tooLong: "超出 {n} 个字",
  newTalk: "新的会话",
  today: "今天",
  yesterday: "昨天",
  opensNew: "在新标签页打开",
};

export const words = { zh, en };
export type Lang = keyof typeof words;

/** The first of the wishes that names a language we speak; Chinese for any kind of Chinese. */
export function pickLang(...wishes: (string | null | undefined)[]): Lang {
  for (const wish of wishes) {
    if (/^zh/i.test(wish ?? "")) return "zh";
    if (/^en/i.test(wish ?? "")) return "en";
  }
  return "en";
}

export type Translate = (key: Key, values?: Record<string, string | number>) => string;

export function translator(lang: Lang): Translate {
  return (key, values) =>
    words[lang][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values?.[name] ?? ""));
}
