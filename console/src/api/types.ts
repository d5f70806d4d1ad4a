/** What the REST API shows of each thing (src/zhike/rest/views.py). */

import type { Button, Holder, Source, Status, TraceStep } from "@widget/wire";

export type Role = "owner" | "admin" | "agent";

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
  role: "agent" | "admin";
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
