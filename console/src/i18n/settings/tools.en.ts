/** English of tools and flows; part of settings.en.ts. */
export const enTools = {
  "tools.text": "The bot calls them for orders, stock and the like, from flows or by the model. Secrets stay in the environment.",
  "tools.new": "New tool",
  "tools.edit": "Edit tool",
  "tools.search": "Search tools",
  "tools.empty": "No tools yet",
  "tools.emptyText": "A tool is one request to your own server, such as “where is order 1234”. The editor begins with an example.",
  "tools.deleted": "Tool “{name}” deleted",
  "tools.keyHint": "Flows and models call it by this name.",
  "tools.body": "Definition (JSON)",
  "tools.bodyHint": "description tells the model when to call it; {name} in the address is an argument; result says the answer, with {/pointer} into its JSON.",

  "flows.text": "When the bot must ask first: which order, whose phone number. Begun by phrases or by a rule.",
  "flows.new": "New flow",
  "flows.edit": "Edit flow",
  "flows.search": "Search flows",
  "flows.empty": "No flows yet",
  "flows.emptyText": "A flow is a list of steps: ask, call a tool, say, branch, hand over. The editor begins with an example.",
  "flows.deleted": "Flow “{name}” deleted",
  "flows.keyHint": "Rules begin it by this name.",
  "flows.body": "Definition (JSON)",
  "flows.bodyHint": "Each step is one of ask, call, say, branch, handoff, end. starts: whole texts, or /patterns/.",
  "flows.steps": "{n} step | {n} steps",

  "json.broken": "Line {line}: this is not valid JSON.",
  "json.at": "Line {line}: {why}",
  "json.show": "Show",
};
