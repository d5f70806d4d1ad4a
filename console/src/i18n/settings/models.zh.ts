import type { enModels } from "./models.en";

/** 模型的中文，settings.zh.ts 的一部分。 */
export const zhModels: Record<keyof typeof enModels, string> = {
  "models.text": "按顺序询问，第一个能答的来答。模型写在 zhike.toml 里，密钥来自环境变量。",
  "models.empty": "还没有设置模型",
  "models.emptyText": "没有模型时，机器人只按规则和知识回答，其余请客服。要添加模型，把下面几行写进 zhike.toml 并重启：",
  "models.example": "zhike.toml 中的模型示例",
  "models.ok": "可用",
  "models.rests": "暂停",
  "models.fails": "出错",
  "models.unasked": "还没用过",
  "models.test": "测试",
  "models.local": "在本机运行：{file}",
  "models.at": "{model}，{server}",
  "models.answered": "已回答“{text}”：首字 {first}，共 {total}，token {read} + {written}",
  "models.asked": "请求数",
  "models.failed": "失败",
  "models.first": "平均首字",
  "models.tokens": "输入/输出 token",
  "models.cost": "费用",
  "models.places": "处理中",
  "models.window": "上下文",
  "models.foot": "数字从服务启动时算起。每次测试会消耗少量 token。",
};
