/** Every call the console makes, by noun. */

import type { Ack, Button, Messages } from "@widget/wire";
import { call, type Query } from "./client";
import type {
  Agent, ApiKey, Article, Bot, Contact, Conversation, Inbox, InboxSettings, Page, Reply, Role, Rule,
} from "./types";

export interface Me {
  kind: "agent" | "key";
  role: Role;
  agent: Agent | null;
  csrf_token: string;
}

export type ArticleInput = Pick<Article, "bot_id" | "key" | "lang" | "question" | "answer" | "variants" | "category" | "enabled">
  & { buttons?: Button[] };
export type RuleInput = Omit<Rule, "id" | "created_at" | "updated_at">;
export type AgentInput = { email: string; name: string; role: Role; password?: string; lang?: string };
export type InboxInput = { key: string; name: string; channel?: string; bot_id: number | null; settings: InboxSettings };

export const api = {
  me: () => call<Me>("GET", "me"),
  changeMe: (body: { name?: string; lang?: string; password?: { current: string; new: string } }) =>
    call<Me>("PATCH", "me", { body }),
  login: (email: string, password: string) => call<Me>("POST", "login", { body: { email, password } }),
  logout: () => call<void>("POST", "logout"),
  setupNeeded: () => call<{ needed: boolean }>("GET", "setup"),
  setup: (body: { token: string; email: string; name: string; password: string; lang: string }) =>
    call<Me>("POST", "setup", { body }),

  conversations: (query: Query, signal?: AbortSignal) =>
    call<Page<Conversation>>("GET", "conversations", { query, ...(signal ? { signal } : {}) }),
  conversation: (id: number) => call<Conversation>("GET", `conversations/${id}`),
  take: (id: number) => call<Conversation>("POST", `conversations/${id}/take`),
  giveBack: (id: number) => call<Conversation>("POST", `conversations/${id}/return`),
  resolve: (id: number, keepalive = false) =>
    call<Conversation>("POST", `conversations/${id}/resolve`, { keepalive }),
  messages: (id: number, query: Query) => call<Messages>("GET", `conversations/${id}/messages`, { query }),
  send: (id: number, body: { client_msg_id: string; text: string; note: boolean }) =>
    call<Ack>("POST", `conversations/${id}/messages`, { body }),
  contact: (id: number) => call<Contact>("GET", `contacts/${id}`),

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

  apiKeys: () => call<Page<ApiKey>>("GET", "api-keys"),
  addApiKey: (body: { name: string; role: "agent" | "admin" }) =>
    call<{ api_key: ApiKey; secret: string }>("POST", "api-keys", { body }),
  revokeApiKey: (id: number, keepalive = false) => call<void>("DELETE", `api-keys/${id}`, { keepalive }),
};
