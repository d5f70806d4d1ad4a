import type { enTools } from "./tools.en";

/** 工具与流程的中文，settings.zh.ts 的一部分。 */
export const zhTools: Record<keyof typeof enTools, string> = {
  "tools.text": "机器人通过流程或模型调用它们查订单、查库存等。密钥只放在环境变量里。",
  "tools.new": "新建工具",
  "tools.edit": "编辑工具",
  "tools.search": "搜索工具",
  "tools.empty": "还没有工具",
  "tools.emptyText": "工具就是向您自己的服务器发一次请求，例如“订单 1234 到哪了”。编辑框里有现成的例子。",
  "tools.deleted": "已删除工具“{name}”",
  "tools.keyHint": "流程和模型用这个名字调用它。",
  "tools.body": "定义（JSON）",
  "tools.bodyHint": "description 告诉模型什么时候用；地址里的 {name} 是参数；result 用 {/pointer} 从返回的 JSON 里取值来回答。",

  "flows.text": "机器人需要先问清楚时用：哪个订单、什么电话。由几句话或一条规则触发。",
  "flows.new": "新建流程",
  "flows.edit": "编辑流程",
  "flows.search": "搜索流程",
  "flows.empty": "还没有流程",
  "flows.emptyText": "流程就是一串步骤：提问、调用工具、回答、分支、转人工。编辑框里有现成的例子。",
  "flows.deleted": "已删除流程“{name}”",
  "flows.keyHint": "规则用这个名字启动它。",
  "flows.body": "定义（JSON）",
  "flows.bodyHint": "每一步是 ask、call、say、branch、handoff、end 之一。starts：整句话，或 /正则/。",
  "flows.steps": "{n} 步",

  "json.broken": "第 {line} 行：不是有效的 JSON。",
  "json.at": "第 {line} 行：{why}",
  "json.show": "定位",
};
