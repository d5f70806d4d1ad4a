/** Webhooks: calls and what they answer. */

import { call, type Query } from "./client";
import type { HookEvent } from "./hookEvents";
import type { Page } from "./types";

export type { HookEvent } from "./hookEvents";

export type DeliveryState = "waiting" | "sending" | "sent" | "failed";

export interface Webhook {
  id: number;
  key: string;
  name: string;
  url: string;
  events: HookEvent[];
  inbox_ids: number[];
  team_ids: number[];
  mask: boolean;
  version: number;
  enabled: boolean;
  state: "active" | "off" | "failing" | "paused";
  failing_since: string | null;
  paused_at: string | null;
  last_error: string;
  old_secret_until: string | null;
  waiting_count: number;
  failed_count: number;
  last_sent_at: string | null;
  created_at: string;
  updated_at: string;
}
export interface WithSecret {
  webhook: Webhook;
  secret: string;
}
export type WebhookInput = Pick<Webhook, "name" | "url" | "events" | "inbox_ids" | "team_ids" | "mask">;
export interface Tried {
  ok: boolean;
  url: string;
  headers: Record<string, string>;
  body: string;
  status: number;
  answer: string;
  error: string;
  took_ms: number;
}
export interface Delivery {
  id: number;
  event_id: string;
  event: HookEvent;
  conversation_id: number | null;
  contact_id: number | null;
  state: DeliveryState;
  attempts: number;
  at: string;
  next_at: string | null;
  arrived_at: string | null;
  answer: string;
  error: string;
}

export const webhooksApi = {
  list: (query: Query) => call<Page<Webhook>>("GET", "webhooks", { query }),
  get: (id: number) => call<Webhook>("GET", `webhooks/${id}`),
  add: (body: WebhookInput) => call<WithSecret>("POST", "webhooks", { body }),
  change: (id: number, body: Partial<WebhookInput> & { enabled?: boolean }) => call<Webhook>("PATCH", `webhooks/${id}`, { body }),
  remove: (id: number, keepalive = false) => call<void>("DELETE", `webhooks/${id}`, { keepalive }),
  rotate: (id: number, overlap_s: number) => call<WithSecret>("POST", `webhooks/${id}/secret`, { body: { overlap_s } }),
  test: (id: number, event: HookEvent) => call<Tried>("POST", `webhooks/${id}/test`, { body: { event } }),
  deliveries: (id: number, query: Query) => call<Page<Delivery>>("GET", `webhooks/${id}/deliveries`, { query }),
  again: (id: number, ids?: number[]) => call<{ count: number }>("POST", `webhooks/${id}/redeliver`, { body: ids ? { ids } : {} }),
};
