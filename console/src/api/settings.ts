/** Calls that only the settings make, by noun. */

import { upload } from "./upload";
import { call, type Query } from "./client";
import type { ApiKey, Bot, Canned, Page, RuleKind, Tag } from "./types";
import type {
  AgentFull, AuditEntry, CannedInput, Case, CaseBody, CasesRun, Checks, FileFound, FlowTried, FoundArticle, Keyed, MailState, ModelState, ModelTried, NotifyInput, NotifyTarget, Prompt, PromptTested,
  BuiltInPrompts, PromptText, TeamFull, TeamSettings, ToolTried, UsageRow,
} from "./settingsTypes";

export type KeyedPath = "tools" | "flows";

export const settingsApi = {
  models: () => call<{ items: ModelState[] }>("GET", "models"),
  testModel: (key: string) => call<ModelTried>("POST", `models/${encodeURIComponent(key)}/test`),

  prompts: (query: Query) => call<Page<Prompt>>("GET", "prompts", { query }),
  builtInPrompts: () => call<BuiltInPrompts>("GET", "prompts/built-in"),
  addPrompt: (body: PromptText & { bot_id: number; note: string; activate: boolean; gate: boolean }) =>
    call<Prompt>("POST", "prompts", { body }),
  activatePrompt: (id: number, gate: boolean) => call<Prompt>("POST", `prompts/${id}/activate`, { body: { gate } }),
  promptDiff: (id: number, against?: number) =>
    call<{ id: number; against: number | null; lines: string[] }>("GET", `prompts/${id}/diff`, { query: { against } }),
  testPrompt: (body: {
    bot_id: number; questions: { text: string; checks?: Checks }[]; template?: PromptText; prompt_id?: number;
    against_id?: number; model?: string;
  }) => call<PromptTested>("POST", "prompts/test", { body }),

  keyed: (path: KeyedPath, query: Query, signal?: AbortSignal) =>
    call<Page<Keyed>>("GET", path, { query, ...(signal ? { signal } : {}) }),
  addKeyed: (path: KeyedPath, body: object) => call<Keyed>("POST", path, { body }),
  changeKeyed: (path: KeyedPath, id: number, body: object) => call<Keyed>("PATCH", `${path}/${id}`, { body }),
  testTool: (body: object) => call<ToolTried>("POST", "tools/test", { body }),
  testFlow: (body: object) => call<FlowTried>("POST", "flows/test", { body }),
  deleteKeyed: (path: KeyedPath, id: number, keepalive = false) => call<void>("DELETE", `${path}/${id}`, { keepalive }),

  cases: (query: Query, signal?: AbortSignal) => call<Page<Case>>("GET", "cases", { query, ...(signal ? { signal } : {}) }),
  addCase: (body: { bot_id: number; text: string; lang: string; body: CaseBody }) => call<Case>("POST", "cases", { body }),
  changeCase: (id: number, body: { text?: string; lang?: string; body?: CaseBody }) => call<Case>("PATCH", `cases/${id}`, { body }),
  deleteCase: (id: number, keepalive = false) => call<void>("DELETE", `cases/${id}`, { keepalive }),
  runCases: (bot_id: number) => call<CasesRun>("POST", "cases/run", { body: { bot_id } }),

  usage: (query: Query) => call<{ items: UsageRow[]; cost: number }>("GET", "usage", { query }),
  audit: (query: Query, signal?: AbortSignal) =>
    call<Page<AuditEntry>>("GET", "audit", { query, ...(signal ? { signal } : {}) }),

  newCallbackSecret: (id: number) => call<{ callback_secret: string }>("POST", `inboxes/${id}/callback-secret`),
  deleteInbox: (id: number, keepalive = false) => call<void>("DELETE", `inboxes/${id}`, { keepalive }),

  teams: (query: Query) => call<Page<TeamFull>>("GET", "teams", { query }),
  addTeam: (body: { key: string; name: string; member_ids: number[]; settings: Partial<TeamSettings> }) => call<TeamFull>("POST", "teams", { body }),
  changeTeam: (id: number, body: { name?: string; member_ids?: number[]; settings?: Partial<TeamSettings> }) => call<TeamFull>("PATCH", `teams/${id}`, { body }),
  deleteTeam: (id: number, keepalive = false) => call<void>("DELETE", `teams/${id}`, { keepalive }),

  agents: (query: Query) => call<Page<AgentFull>>("GET", "agents", { query }),
  changeAgent: (id: number, body: Partial<Pick<AgentFull, "name" | "role" | "enabled" | "capacity" | "skills" | "languages">>) => call<AgentFull>("PATCH", `agents/${id}`, { body }),
  agentInboxes: (id: number) => call<{ inbox_ids: number[] }>("GET", `agents/${id}/inboxes`),
  setAgentInboxes: (id: number, inbox_ids: number[]) => call<{ inbox_ids: number[] }>("PUT", `agents/${id}/inboxes`, { body: { inbox_ids } }),
  resetLink: (id: number) => call<{ link: string; expires_at: string }>("POST", `agents/${id}/reset-link`),

  canned: (query: Query, signal?: AbortSignal) => call<Page<Canned>>("GET", "canned", { query, ...(signal ? { signal } : {}) }),
  addCanned: (body: CannedInput) => call<Canned>("POST", "canned", { body }),
  changeCanned: (id: number, body: Partial<CannedInput>) => call<Canned>("PATCH", `canned/${id}`, { body }),
  addCannedFile: (id: number, file: File) => upload<Canned>(`canned/${id}/files`, file, new AbortController().signal, () => undefined),
  deleteCannedFile: (id: number, file: number) => call<Canned>("DELETE", `canned/${id}/files/${file}`),
  deleteCanned: (id: number, keepalive = false) => call<void>("DELETE", `canned/${id}`, { keepalive }),

  tags: () => call<Page<Tag>>("GET", "tags"),
  addTag: (body: { name: string; colour: string }) => call<Tag>("POST", "tags", { body }),
  changeTag: (id: number, body: { name?: string; colour?: string }) => call<Tag>("PATCH", `tags/${id}`, { body }),
  deleteTag: (id: number, keepalive = false) => call<void>("DELETE", `tags/${id}`, { keepalive }),

  apiKeys: (query: Query) => call<Page<ApiKey>>("GET", "api-keys", { query }),
  addApiKey: (body: Pick<ApiKey, "name" | "role" | "inbox_ids">) => call<{ api_key: ApiKey; secret: string }>("POST", "api-keys", { body }),
  revokeApiKey: (id: number, keepalive = false) => call<void>("DELETE", `api-keys/${id}`, { keepalive }),

  notifyTargets: (query: Query) => call<Page<NotifyTarget>>("GET", "notify-targets", { query }),
  addNotifyTarget: (body: NotifyInput & { kind: NotifyTarget["kind"]; address: string }) => call<NotifyTarget>("POST", "notify-targets", { body }),
  changeNotifyTarget: (id: number, body: Partial<NotifyInput>) => call<NotifyTarget>("PATCH", `notify-targets/${id}`, { body }),
  deleteNotifyTarget: (id: number, keepalive = false) => call<void>("DELETE", `notify-targets/${id}`, { keepalive }),
  testNotifyTarget: (id: number) => call<{ took_ms: number }>("POST", `notify-targets/${id}/test`),
  mail: () => call<MailState>("GET", "mail"),
  checkMailbox: () => call<{ mails: number }>("POST", "mail/check"),
  testMail: (to: string) => call<{ took_ms: number }>("POST", "mail/test", { body: { to } }),

  verifyAudit: () => call<{ ok: boolean; checked: number; broken_at: number | null; last_digest: string }>("GET", "audit/verify"),

  addBot: (body: { key: string; name: string }) => call<Bot>("POST", "bots", { body }),
  changeBot: (id: number, body: { name?: string; settings?: Record<string, unknown> }) =>
    call<Bot>("PATCH", `bots/${id}`, { body }),

  testRule: (body: { kind: RuleKind; match: string[]; text: string; lang: string }) =>
    call<{ caught: boolean; problems: string[] }>("POST", "rules/test", { body }),

  readFile: (body: { name: string; content: string; lang: string }) => call<FileFound>("POST", "articles/read-file", { body }),
  importArticles: (bot_id: number, articles: FoundArticle[]) =>
    call<{ added: number; changed: number; same: number }>("POST", "articles/import", { body: { bot_id, articles } }),
};
