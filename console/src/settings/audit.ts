/** Entries of the audit as people read them. */

/** Actions to choose from; others can be typed. */
export const ACTIONS = [
  "agent.created", "agent.signed_in", "agent.updated", "api_key.created", "api_key.revoked", "article.created", "article.deleted", "article.imported",
  "article.updated", "bot.created", "bot.deleted", "bot.updated", "case.created", "case.deleted", "case.updated", "contact.created",
  "contact.updated", "flow.created", "flow.deleted", "flow.updated", "inbox.created", "inbox.deleted", "inbox.updated",
  "prompt.activated", "prompt.created", "rule.created", "rule.deleted", "rule.updated", "tool.created", "tool.deleted", "tool.updated",
] as const;

/** `agent:3 Li Na` → `Li Na`; what has no name stays as it is. */
export function actorName(actor: string): string {
  return actor.replace(/^\w+:\d+ +/, "");
}

/** The page where a thing can be looked at; null where there is none. */
export function placeOf(target: string): string | null {
  const [, noun = "", id = ""] = /^(\w+):(\d+)$/.exec(target) ?? [];
  switch (noun) {
    case "article": return `/knowledge/${id}`;
    case "conversation": return `/conversations/${id}`;
    case "rule": return "/rules";
    case "inbox": return "/inboxes";
    case "agent": return "/agents";
    case "api_key": return "/api-keys";
    case "bot": return "/bots";
    case "flow": return "/flows";
    case "tool": return "/tools";
    case "case": return "/cases";
    case "prompt": return "/prompts";
    case "team": return "/teams";
    default: return null;
  }
}

export function detailLines(detail: Record<string, unknown>): [string, string][] {
  return Object.entries(detail).map(([name, value]) => [name, typeof value === "string" ? value : Array.isArray(value) ? value.join(", ") : JSON.stringify(value)]);
}
