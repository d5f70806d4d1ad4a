/** What the REST API shows of the things that only the settings know. */

import type { Button } from "@widget/wire";
import type { Agent, Availability, Canned, Team } from "./types";

export interface ModelState {
  key: string;
  model: string;
  server: string;
  local: boolean;
  state: string;
  family: string;
  context_tokens: number;
  concurrency: number;
  queue: number;
  busy: number;
  waiting: number;
  price_in: number;
  price_out: number;
  daily_limit: number;
  cost: number;
  outcomes: Record<string, number>;
  tokens_read: number;
  tokens_written: number;
  first_token_ms: number;
}

export interface ModelTried {
  text: string;
  first_token_ms: number;
  total_ms: number;
  prompt_tokens: number;
  completion_tokens: number;
}

export interface Example {
  question: string;
  answer: string;
}

export interface PromptText {
  name: string;
  system_prompt: string;
  temperature: number;
  max_tokens: number;
  variables: Record<string, string>;
  examples: Example[];
  tools: string[];
  model: string;
}

/** Where a new template begins: the bot's answers, and what helps agents, by name. */
export interface BuiltInPrompts extends Record<"zh" | "en", PromptText> {
  assist: Record<string, Record<"zh" | "en", PromptText>>;
}

export interface Prompt extends PromptText {
  id: number;
  bot_id: number;
  version: number;
  active: boolean;
  note: string;
  created_by: string;
  created_at: string;
}

export interface Checks {
  max_items?: number | null;
  max_chars?: number | null;
  max_sentences?: number | null;
  ends_with_question?: boolean | null;
  language?: string;
  forbidden?: string[];
  must_contain?: string[];
  any_of?: string[];
  cites?: boolean | null;
  matches?: string[];
  matches_not?: string[];
  judge?: string;
}

export interface TriedAnswer {
  answer: string;
  passed: boolean;
  missed: string[];
  error: string;
  model: string;
  first_token_ms: number;
  total_ms: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost: number;
  sources: string[];
  dropped: string[];
}

export interface PromptTested {
  rows: { text: string; answers: TriedAnswer[] }[];
}

/** A tool or a flow: its key, and a body that is written as JSON. */
export interface Keyed {
  id: number;
  bot_id: number;
  key: string;
  title?: string;
  description?: string;
  kind?: string;
  starts?: string[];
  steps?: unknown[];
  enabled: boolean;
  created_at: string;
  updated_at: string;
  [name: string]: unknown;
}

export interface CaseBody {
  /** Absent: whatever answers; null: nothing may answer. */
  expect?: string | null;
  action?: string;
  contains?: string[];
  not_contains?: string[];
  checks?: Checks | null;
}

export interface Case {
  id: number;
  bot_id: number;
  text: string;
  lang: string;
  body: CaseBody;
  created_at: string;
  updated_at: string;
}

export interface CasesRun {
  rows: number;
  right: number;
  wrong: number;
  silent: number;
  seconds: number;
  p50_ms: number;
  p99_ms: number;
  failed: { text: string; lang: string; verdict: "wrong" | "silent" | "error"; part: "knowledge" | "model"; said: string; answer: string; missed: string[] }[];
  notes: string[];
}

export interface UsageRow {
  day: string;
  bot_id: number;
  model: string;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost: number;
}

export interface AuditEntry {
  id: number;
  at: string;
  actor: string;
  action: string;
  target: string;
  detail: Record<string, unknown>;
}

export interface FoundArticle {
  key: string;
  lang: string;
  question: string;
  answer: string;
  variants?: string[];
  category?: string;
  buttons?: Button[];
  enabled?: boolean;
}

export interface FileFound {
  articles: FoundArticle[];
  skipped: { place: string; line: number; why: string }[];
  skipped_count: number;
}

export interface TeamSettings {
  auto_assign: boolean;
  strategy: "round_robin" | "least_busy";
  overflow_team_id: number | null;
  overflow_after_s: number;
  late_after_s: number;
  reassign_after_s: number;
  fair_limit: number;
  fair_window_s: number;
  languages: string[];
  skills: string[];
}

export interface TeamFull extends Omit<Team, "settings"> {
  settings: TeamSettings;
}

export interface AgentFull extends Omit<Agent, "capacity" | "skills" | "languages" | "availability" | "presence" | "load" | "team_ids"> {
  availability: Availability;
  capacity: number;
  skills: string[];
  languages: string[];
  presence: "online" | "away" | "offline" | null;
  load: number | null;
  team_ids: number[] | null;
}

export type CannedInput = Pick<Canned, "shortcut" | "folder" | "lang" | "text" | "own" | "team_id">;

export interface NotifyTarget {
  id: number;
  name: string;
  kind: "wecom" | "dingtalk" | "feishu" | "email" | "webhook";
  enabled: boolean;
  /** Masked, but for mail addresses. */
  address: string;
  has_secret: boolean;
  lang: "zh" | "en";
  wants: ("visitor_waiting" | "visitor_late" | "reply_late" | "trouble")[];
  after_s: number;
  inbox_ids: number[];
  failures: number;
  last_sent_at: string | null;
  last_error: string;
  expired_count: number;
}

export type NotifyInput = Pick<NotifyTarget, "name" | "lang" | "wants" | "after_s" | "inbox_ids"> & { address?: string; secret?: string; enabled?: boolean };

export interface MailState {
  ready: boolean;
  host: string;
  port: number;
  security: string;
  sender: string;
  /** Where answers are read; null = nowhere. */
  mailbox: { host: string; user: string; folder: string; inbox: string; looked_at: string | null; failed_at: string | null; error: string } | null;
}

/** What a call of a tool came to, tried from its editor. */
export interface ToolTried {
  tool: string;
  ok: boolean;
  text: string;
  error: string;
  data: unknown;
  missing: string[];
  problem: string;
  took_ms: number;
  request: { method: string; url: string; headers: Record<string, string>; body: string } | null;
}

/** What a flow says to one message; `state` goes back with the next. */
export interface FlowTried {
  text: string;
  buttons: { label: string; text?: string; url?: string }[];
  action: string;
  state: string;
  step: number | null;
  waits_for: string;
  slots: Record<string, string>;
  calls: ToolTried[];
}
