/** 中文：工作台关着时，本设备的通知。 */
import type { enPush } from "./push.en";

export const zhPush: Record<keyof typeof enPush, string> = {
  "push.title": "本设备的通知",
  "push.text": "关掉工作台也能收到：有访客等待、会话分配给您、同事提到您、回复超时。您正在使用工作台时不会打扰。",
  "push.insecure": "需要通过 https 访问，请向管理员要以 https 开头的地址。",
  "push.unsupported": "这个浏览器不支持。iPhone 和 iPad 请先把本页添加到主屏幕，再从主屏幕打开。",
  "push.blocked": "浏览器禁止了本站的通知。请在地址栏旁或浏览器设置中允许，然后刷新页面。",
  "push.off": "本设备不会收到通知。",
  "push.on": "本设备会收到通知。",
  "push.failed": "上次没有送达：{why}",
  "push.noService": "浏览器连不上它的推送服务。在中国大陆 Chrome 的推送服务无法使用，请改用 Edge、Firefox 或 Safari。",
  "push.turnOn": "接收通知",
  "push.turnOff": "不再接收",
  "push.test": "发送测试",
  "push.tested": "已发送，几秒内就会出现。",
  "push.devices": "我的设备",
  "push.sent": "上次通知：{when}",
  "push.since": "{when}开启",
  "push.remove": "移除",
  "push.removeOf": "移除 {name}",
  "push.removed": "{name} 不再接收通知",
};
