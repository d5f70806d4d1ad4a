/** 中文：回复怎样送达。 */
export const zhReach = {
  "reach.live": "在线，立刻看到",
  "reach.email": "已离开，{n} 秒内没读就发邮件到 {to}",
  "reach.sms": "已离开，{n} 秒内没读就发短信到 {to}",
  "reach.none.off": "已离开，回来时才会看到",
  "reach.none.no_address": "已离开，也没有联系方式；趁客户在线时请留一个",
  "reach.none.stopped": "已离开，并且不再接收邮件",
  "reach.none.bounced": "已离开，邮箱会退信；请换一个联系方式",
  "reach.none.not_set_up": "已离开，这里还没有设好发邮件",
  "reach.sent": "上一条已发到 {to}",
  "reach.failed": "上一条没有送到：{why}",
  "reach.came": "邮件回复",
  "reach.cameFrom": "从另一个邮箱 {from} 回复，请核对身份",
  "reach.unknown": "不能确定上一条有没有送到",
};
