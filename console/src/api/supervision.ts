/** Calls of the supervision: the desk as it is now, and quality. */

import { call, type Query } from "./client";
import type { Availability, Conversation, Page } from "./types";

export interface AgentNow {
  agent_id: number;
  name: string;
  availability: Availability;
  presence: "online" | "away" | "offline";
  capacity: number;
  open_count: number;
  owing_count: number;
  owing_since: string | null;
}
export interface Supervision {
  at: string;
  waiting_count: number;
  waiting: Conversation[];
  late_count: number;
  late: Conversation[];
  agents: AgentNow[];
  day: {
    opened_count: number;
    resolved_count: number;
    by_bot_count: number;
    first_reply_p50_s: number | null;
    first_reply_p90_s: number | null;
    ratings_count: number;
    rating_mean: number | null;
    ratings_by_team: { team_id: number | null; name: string; ratings_count: number; rating_mean: number }[];
  };
}
export interface Criterion { key: string; zh: string; en: string; weight: number }
export interface Review {
  conversation_id: number;
  agent_name: string;
  reviewer_id: number;
  reviewer_name: string;
  scores: Record<string, number>;
  comment: string;
  updated_at: string;
}
export interface Standing { agent_id: number; agent_name: string; reviews_count: number; means: Record<string, number>; mean: number }

export const supervisionApi = {
  now: (query: Query) => call<Supervision>("GET", "supervision", { query }),
  criteria: () => call<{ criteria: Criterion[] }>("GET", "quality/criteria"),
  setCriteria: (criteria: Criterion[]) => call<{ criteria: Criterion[] }>("PUT", "quality/criteria", { body: { criteria } }),
  sample: (query: Query) => call<{ seed: number; items: Conversation[] }>("GET", "quality/sample", { query }),
  standings: (days: number) => call<Page<Standing>>("GET", "quality/standings", { query: { days } }),
  reviewsOf: (id: number) => call<Page<Review>>("GET", `conversations/${id}/review`),
  review: (id: number, body: { scores: Record<string, number>; comment: string }) =>
    call<Review>("PUT", `conversations/${id}/review`, { body }),
};
