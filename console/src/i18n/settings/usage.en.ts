/** English of usage; part of settings.en.ts. */
export const enUsage = {
  "usage.text": "Requests to models, their tokens and what they cost at the prices of the settings. Days are UTC.",
  "usage.empty": "No model was asked",
  "usage.emptyText": "Rules and knowledge answer without a model. When one is asked, its tokens and cost appear here.",
  "usage.days": "Last {n} days",
  "usage.period": "Period",
  "usage.allBots": "All bots",
  "usage.requests": "Requests",
  "usage.tokens": "Tokens",
  "usage.read": "Tokens in",
  "usage.written": "Tokens out",
  "usage.costByDay": "Cost by day",
  "usage.tokensByDay": "Tokens by day",
  "usage.byModel": "By model",
};
