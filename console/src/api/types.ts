/** What the REST API shows of each thing (src/zhike/rest/views.py). */

import type { Attachment, Button, Card, Holder, Source, Status, TraceStep } from "@widget/wire";

export type Role = "owner" | "admin" | "supervisor" | "agent" | "analyst";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface Agent {
  id: number;
  email: string;
  name: string;
  role: Role;
  enabled: boolean;
  lang: string;
  created_at: string;
  last_seen_at: string | null;
}

export interface Conversation {
  id: number;
  inbox_id: number;
  contact_id: number;
  contact_name: string;
  status: Status;
  holder: Holder;
  epoch: number;
  agent_id: number | null;
  agent_name: string;
  lang: string;
  last_text: string;
  last_seq: number;
  last_incoming_seq: number;
  answered_seq: number;
  read_by_contact_seq: number;
  read_by_agent_seq: number;
  waiting_since: string | null;
  created_at: string;
  updated_at: string;
  priority?: Priority;
  team_id?: number | null;
  team_name?: string;
  tags?: Tag[];
  snoozed_until?: string | null;
  wrap_up?: string;
  attributes?: Record<string, unknown>;
  first_reply_at?: string | null;
  assigned_at?: string | null;
  resolved_at?: string | null;
  /** A note names me, and I have not read it. */
  mentioned?: boolean;
  contact_blocked?: boolean;
  /** Up to where I have read, and how much the visitor has said since. */
  read_seq?: number;
  unread?: number;
  rating?: { score: number; comment: string } | null;
}

export interface Contact {
  id: number;
  inbox_id: number;
  external_id: string;
  name: string;
  email: string;
  phone: string;
  attributes: Record<string, unknown>;
  created_at: string;
  last_seen_at: string;
}

export interface Article {
  id: number;
  bot_id: number;
  key: string;
  lang: string;
  question: string;
  answer: string;
  variants: string[];
  category: string;
  buttons: Button[];
  cards?: { kind: "image" | "link"; url: string; title: string; text: string }[];
  /** Keys; empty: every inbox. */
  inboxes?: string[];
  valid_from?: string | null;
  valid_until?: string | null;
  enabled: boolean;
  created_at: string;
  updated_at: string;
}

export type RuleKind = "exact" | "keyword" | "pattern" | "menu";

export interface Rule {
  id: number;
  bot_id: number;
  key: string;
  kind: RuleKind;
  match: string[];
  reply: string;
  lang: string;
  buttons: Button[];
  action: string;
  opener: boolean;
  position: number;
  enabled: boolean;
  created_at: string;
  updated_at: string;
}

export interface Bot {
  id: number;
  key: string;
  name: string;
  settings: Record<string, unknown>;
  knowledge_version: number;
}

export interface Inbox {
  id: number;
  key: string;
  name: string;
  channel: string;
  bot_id: number | null;
  settings: InboxSettings;
  has_identity_secret: boolean;
  snippet: string;
  created_at: string;
  updated_at: string;
}

export interface InboxSettings {
  origins?: string[];
  greeting?: Partial<Record<"zh" | "en", string>>;
  suggestions?: Partial<Record<"zh" | "en", string[]>>;
  [name: string]: unknown;
}

export interface ApiKey {
  id: number;
  name: string;
  role: "analyst" | "agent" | "admin";
  /** Empty: every inbox. */
  inbox_ids: number[];
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

/** What the bot would say; nothing is stored. */
export interface Reply {
  text: string;
  buttons?: Button[];
  source?: Source | null;
  trace?: TraceStep[];
  action?: string;
}

/** 0 none, 1 low, 2 normal, 3 high, 4 urgent. */
export type Priority = 0 | 1 | 2 | 3 | 4;

export interface Tag {
  id: number;
  name: string;
  colour: string;
}

export interface Canned {
  id: number;
  shortcut: string;
  folder: string;
  lang: string;
  text: string;
  own: boolean;
  team_id: number | null;
  files?: Attachment[];
  enabled?: boolean;
  created_at?: string;
  updated_at?: string;
}

export type Availability = "online" | "busy" | "away";

export interface Presence {
  agent_id: number;
  availability: Availability;
  presence: "online" | "away" | "offline";
  load: number;
  capacity?: number;
}

export interface Counts {
  mine: number;
  waiting: number;
  unassigned: number;
  mentioned: number;
  snoozed: number;
  bot: number;
  all_open: number;
  by_team: Record<string, number>;
}

export interface Team {
  id: number;
  key: string;
  name: string;
  member_ids: number[];
  settings: Record<string, unknown>;
}

/** What `GET /search` finds. */
export interface SearchHits {
  conversations: Conversation[];
  messages: { conversation_id: number; seq: number; text: string; at: string; contact_name: string }[];
  contacts: Contact[];
  articles: Pick<Article, "id" | "question" | "lang">[];
}

/** What `GET /conversations/{id}/orders` and `/products` say. */
export interface PanelItems {
  /** A tool of the bot is opened to this part of the panel. */
  configured: boolean;
  searchable: boolean;
  /** Why the tool gave nothing; "" = it answered. */
  error: string;
  items: Card[];
}
