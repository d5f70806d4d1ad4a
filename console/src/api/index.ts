/** Every call the console makes, by noun. */

import type { Ack, Button, Messages } from "@widget/wire";
import { call, type Query } from "./client";
import type { ErrorBody } from "@widget/wire";
import type { Edits } from "@/live/attributes";
import type {
  Agent, Article, Availability, Bot, Canned, Contact, Conversation, Counts, Inbox, InboxSettings, Page, PanelItems, Presence,
  Priority, Reply, Role, Rule, SearchHits, Tag, Team,
} from "./types";

export interface Me {
  kind: "agent" | "key";
  role: Role;
  agent: Agent | null;
  csrf_token: string;
  /** What the role may, in words: read, speak, supervise, report, administer, own. */
  rights?: string[];
  /** Empty: every inbox. */
  inbox_ids?: number[];
  team_ids?: number[];
  /** Signing in asks for a code. */
  totp: boolean;
  /** The largest file that may be sent. */
  max_file_bytes?: number;
}

/** See `GET /conversations/{id}/summary`. */
export interface Summary {
  model: boolean;
  text: string;
  seq: number;
  behind: number;
  at: string | null;
  facts: { kind: string; text: string; seq: number }[];
}

export type ArticleInput = Pick<Article, "bot_id" | "key" | "lang" | "question" | "answer" | "variants" | "category" | "enabled">
  & { buttons?: Button[]; cards?: Article["cards"]; inboxes?: string[]; valid_from?: string | null; valid_until?: string | null };
export type RuleInput = Omit<Rule, "id" | "created_at" | "updated_at">;
export type AgentInput = { email: string; name: string; role: Role; password?: string; lang?: string };
export type InboxInput = { key: string; name: string; channel?: string; bot_id: number | null; settings: InboxSettings };

/** What `POST /conversations/bulk` does with each of many. */
export type BulkAct =
  | { action: "take" }
  | { action: "resolve"; wrap_up?: string }
  | { action: "assign"; agent_id?: number | null; team_id?: number | null; note?: string }
  | { action: "snooze"; until: string }
  | { action: "tag"; tag_ids: number[] }
  | { action: "priority"; priority: Priority };

export const api = {
  me: () => call<Me>("GET", "me"),
  changeMe: (body: { name?: string; lang?: string; password?: { current: string; new: string } }) =>
    call<Me>("PATCH", "me", { body }),
  login: (email: string, password: string, code = "") => call<Me>("POST", "login", { body: { email, password, code } }),
  logout: () => call<void>("POST", "logout"),
  setupNeeded: () => call<{ needed: boolean; sso: string }>("GET", "setup"),
  setup: (body: { token: string; email: string; name: string; password: string; lang: string }) =>
    call<Me>("POST", "setup", { body }),

  conversations: (query: Query, signal?: AbortSignal) =>
    call<Page<Conversation>>("GET", "conversations", { query, ...(signal ? { signal } : {}) }),
  conversation: (id: number) => call<Conversation>("GET", `conversations/${id}`),
  summary: (id: number) => call<Summary>("GET", `conversations/${id}/summary`),
  summarise: (id: number) => call<Summary>("POST", `conversations/${id}/summary`),
  unread: (id: number) => call<void>("POST", `conversations/${id}/unread`),
  take: (id: number) => call<Conversation>("POST", `conversations/${id}/take`),
  giveBack: (id: number) => call<Conversation>("POST", `conversations/${id}/return`),
  resolve: (id: number, wrapUp = "", keepalive = false) =>
    call<Conversation>("POST", `conversations/${id}/resolve`, { ...(wrapUp ? { body: { wrap_up: wrapUp } } : {}), keepalive }),
  snooze: (id: number, until: string, keepalive = false) =>
    call<Conversation>("POST", `conversations/${id}/snooze`, { body: { until }, keepalive }),
  reopen: (id: number) => call<Conversation>("POST", `conversations/${id}/reopen`),
  assign: (id: number, body: { agent_id?: number | null; team_id?: number | null; note?: string }) =>
    call<Conversation>("POST", `conversations/${id}/assign`, { body }),
  changeConversation: (id: number, body: { priority?: Priority; edits?: Edits; tag_ids?: number[] }) =>
    call<Conversation>("PATCH", `conversations/${id}`, { body }),
  recall: (id: number, seq: number) => call<void>("POST", `conversations/${id}/messages/${seq}/recall`),
  /** What this role sees masked, as it is; recorded. */
  reveal: (id: number, what: { seq: number } | { contact: true }) =>
    call<{ text: string | null; contact: Contact | null }>("POST", `conversations/${id}/reveal`, { body: what }),
  bulk: (ids: number[], what: BulkAct) =>
    call<{ done: number[]; failed: { id: number; error: ErrorBody }[] }>("POST", "conversations/bulk", { body: { ids, ...what } }),
  counts: () => call<Counts>("GET", "conversations/counts"),
  search: (q: string, signal?: AbortSignal) =>
    call<SearchHits>("GET", "search", { query: { q, limit: 8 }, ...(signal ? { signal } : {}) }),
  readMentions: (conversation: number) => call<void>("POST", "mentions/read", { body: { conversation_id: conversation } }),
  messages: (id: number, query: Query) => call<Messages>("GET", `conversations/${id}/messages`, { query }),
  send: (id: number, body: { client_msg_id: string; text: string; note: boolean }) =>
    call<Ack>("POST", `conversations/${id}/messages`, { body }),
  /** What the shop's own tools say: this contact's orders, or products. */
  panel: (id: number, what: "orders" | "products", q: string, signal: AbortSignal) =>
    call<PanelItems>("GET", `conversations/${id}/${what}`, { query: { q }, signal }),
  contact: (id: number) => call<Contact>("GET", `contacts/${id}`),
  contacts: (query: Query) => call<Page<Contact>>("GET", "contacts", { query }),
  changeContact: (id: number, body: { name?: string; email?: string; phone?: string; edits?: Edits }) =>
    call<Contact>("PATCH", `contacts/${id}`, { body }),
  block: (contact: number, on: boolean) => call<void>("POST", `contacts/${contact}/${on ? "block" : "unblock"}`),
  merge: (contact: number, into: number) => call<Contact>("POST", `contacts/${contact}/merge`, { body: { into } }),

  tags: () => call<Page<Tag>>("GET", "tags"),
  canned: (query: Query) => call<Page<Canned>>("GET", "canned", { query }),
  cannedFileLink: (id: number, file: number) => call<{ url: string }>("GET", `canned/${id}/files/${file}/link`),
  teams: () => call<Page<Team>>("GET", "teams"),
  presence: () => call<Presence[]>("GET", "presence"),
  setAvailability: (availability: Availability) => call<Presence>("PUT", "me/availability", { body: { availability } }),
  handOver: (body: { agent_id?: number; team_id?: number }) => call<{ moved: number }>("POST", "me/handover", { body }),

  bots: () => call<Page<Bot>>("GET", "bots"),
  articles: (query: Query, signal?: AbortSignal) =>
    call<Page<Article>>("GET", "articles", { query, ...(signal ? { signal } : {}) }),
  article: (id: number) => call<Article>("GET", `articles/${id}`),
  addArticle: (body: ArticleInput) => call<Article>("POST", "articles", { body }),
  changeArticle: (id: number, body: Partial<ArticleInput>) => call<Article>("PATCH", `articles/${id}`, { body }),
  deleteArticle: (id: number, keepalive = false) => call<void>("DELETE", `articles/${id}`, { keepalive }),
  ask: (body: { bot_id: number; question: string; lang?: string }) => call<Reply>("POST", "articles/test", { body }),

  rules: (query: Query, signal?: AbortSignal) =>
    call<Page<Rule>>("GET", "rules", { query, ...(signal ? { signal } : {}) }),
  addRule: (body: RuleInput) => call<Rule>("POST", "rules", { body }),
  changeRule: (id: number, body: Partial<RuleInput>) => call<Rule>("PATCH", `rules/${id}`, { body }),
  deleteRule: (id: number, keepalive = false) => call<void>("DELETE", `rules/${id}`, { keepalive }),

  inboxes: () => call<Page<Inbox>>("GET", "inboxes"),
  addInbox: (body: InboxInput) => call<Inbox>("POST", "inboxes", { body }),
  changeInbox: (id: number, body: Partial<InboxInput>) => call<Inbox>("PATCH", `inboxes/${id}`, { body }),
  newIdentitySecret: (id: number) => call<{ identity_secret: string }>("POST", `inboxes/${id}/identity-secret`),

  agents: () => call<Page<Agent>>("GET", "agents"),
  addAgent: (body: AgentInput) => call<{ agent: Agent; password: string }>("POST", "agents", { body }),
  changeAgent: (id: number, body: Partial<AgentInput> & { enabled?: boolean }) =>
    call<Agent>("PATCH", `agents/${id}`, { body }),

};
