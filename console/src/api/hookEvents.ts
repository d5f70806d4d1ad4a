/** The events of webhooks, in the order of the server's list (a test compares them). */

export const EVENTS = [
  "message.created", "message.recalled", "note.created", "conversation.created", "conversation.handed_off", "conversation.assigned", "conversation.unassigned",
  "conversation.returned", "conversation.snoozed", "conversation.woken", "conversation.reopened", "conversation.resolved", "conversation.updated",
  "contact.created", "contact.updated", "contact.merged", "rating.created",
] as const;
export type HookEvent = (typeof EVENTS)[number];
