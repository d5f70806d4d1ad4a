/** English of rules; part of settings.en.ts. */
export const enRules = {
  "rule.try": "Try: what a visitor might write",
  "rule.tryRun": "Try",
  "rule.caught": "This rule catches it.",
  "rule.notCaught": "This rule does not catch it.",
  "rule.flow": "Then begin a flow",
  "rule.flowHint": "The flow goes on asking where the reply ends.",
  "rule.noFlow": "None",
  "rule.toFlow": "flow {key}",
};
