/** The protocol of version 1 as the browser sees it; the truth is src/zhike/domain/wire.py.
 *
 * The server leaves out fields that hold their default, so everything with a default is optional. */

export const PROTOCOL_VERSION = 1;

export type Status = "open" | "pending" | "snoozed" | "resolved";
export type Holder = "bot" | "queue" | "agent" | "none";
export type Direction = "incoming" | "outgoing" | "note";
export type SenderType = "contact" | "bot" | "agent" | "system";

export interface ErrorBody {
  code: string;
  message: string;
  retry: "never" | "later" | "now";
  help?: string;
  retry_after_s?: number;
  field?: string;
  details?: Record<string, unknown>;
}

export interface CustomerClaim {
  id: string;
  expires: number;
  sig: string;
  name?: string;
  email?: string;
  phone?: string;
}

export interface Button {
  label: string;
  text?: string;
  url?: string;
}

/** Something to see; of a person's message it is all there is, and `text` says the same in words. */
export interface Card {
  kind: "image" | "link" | "product" | "order";
  url?: string;
  title?: string;
  text?: string;
  image?: string;
  price?: string;
  status?: string;
  ref?: string;
  fields?: { label: string; value: string }[];
}

/** A file of a message; it is read by a link that is asked for. */
export interface Attachment {
  id: number;
  name: string;
  type: string;
  kind: "image" | "audio" | "video" | "document";
  size_bytes: number;
  width?: number;
  height?: number;
}

export interface Source {
  kind: string;
  id?: number;
  key?: string;
  title?: string;
  score?: number;
  cites?: string[];
}

export interface TraceStep {
  step: string;
  outcome: "hit" | "miss" | "low" | "skipped" | "error";
  detail?: string;
  score?: number;
  took_us?: number;
}

/** Where a visitor stands who waits for a person; `position` 1 is next. */
export interface QueuePlace {
  position: number;
  estimate_s: number | null;
}

export interface HoursState {
  open: boolean;
  opens_at: string | null;
}

export type FormField = "name" | "email" | "phone";

export interface ConversationState {
  id: number;
  status: Status;
  holder: Holder;
  epoch: number;
  last_seq: number;
  agent_name?: string;
  read_by_contact_seq?: number;
  read_by_agent_seq?: number;
  /** Absent: as told before, as long as `holder` is "queue". */
  queue?: QueuePlace;
}

export interface MessageView {
  conversation: number;
  seq: number;
  direction: Direction;
  sender: SenderType;
  text: string;
  at: string;
  sender_name?: string;
  client_msg_id?: string;
  answers?: number[];
  buttons?: Button[];
  source?: Source;
  trace?: TraceStep[];
  cards?: Card[];
  /** A model wrote it. */
  ai?: boolean;
  /** Live only: the draft that this message replaces. */
  answer_id?: string;
  /** Who wrote it took it back; the text is gone. */
  recalled?: boolean;
  attachments?: Attachment[];
}

export interface Hello {
  type: "hello";
  v: number;
  role: "visitor" | "agent";
  inbox?: string;
  token?: string;
  customer?: CustomerClaim;
  lang?: string;
  conversation?: number;
  after?: number;
  page?: PageLook | undefined;
}

/** What the visitor looks at. */
export interface PageLook {
  url: string;
  title: string;
  referrer: string;
}

export interface SendMessage {
  type: "message";
  client_msg_id: string;
  text: string;
  n?: number;
  action?: "" | "handoff";
  conversation?: number;
  note?: boolean;
  files?: number[];
  cards?: Card[];
}

export type ClientFrame =
  | Hello
  | SendMessage
  | { type: "typing"; on: boolean; conversation?: number; text?: string; note?: boolean }
  | { type: "assist"; assist_id: string; conversation: number; want: Wish; text: string }
  | { type: "assist_stop"; assist_id: string }
  | ({ type: "page" } & PageLook)
  | { type: "read"; seq: number; conversation?: number }
  | { type: "resume"; after: number; conversation?: number }
  | { type: "rate"; conversation: number; score: number; comment?: string }
  | { type: "history"; before?: number; limit?: number; conversation?: number }
  | { type: "watch"; conversation: number; after?: number; on?: boolean }
  | { type: "ping"; id?: string };

/** What an agent may have a model propose. */
export type Wish = "reply" | "shorter" | "friendlier" | "translate" | "fix";

export interface Welcome {
  type: "welcome";
  v: number;
  session: string;
  role: string;
  server_time: string;
  heartbeat_s: number;
  token?: string;
  conversation?: ConversationState;
  name?: string;
  greeting?: string;
  suggestions?: string[];
  max_text_chars?: number;
  rate_per_s?: number;
  agent?: { id: number; name: string; role: string; email?: string };
  /** Of the people behind this inbox; absent: always there. */
  hours?: HoursState;
  /** Only while they are not there. */
  offline_form?: FormField[];
  /** What was asked about the conversation and not answered yet. */
  csat?: string;
  /** People here see what is being typed. */
  typing_preview?: boolean;
  /** False: people here do not see which pages the visitor looks at. */
  pages?: boolean;
}

export interface Ack {
  type: "ack";
  client_msg_id: string;
  conversation: number;
  seq: number;
  at: string;
  duplicate?: boolean;
}

export interface Messages {
  type: "messages";
  conversation: number;
  items: MessageView[];
  last_seq: number;
  reason?: "resume" | "history";
  more?: boolean;
  /** Long polling only: the conversation as it stands, and what was asked about it. */
  state?: ConversationState;
  csat?: string;
}

export interface ConversationEvent {
  type: "conversation";
  conversation: ConversationState;
  inbox_id?: number;
  contact_id?: number;
  contact_name?: string;
  last_text?: string;
  updated_at?: string;
}

export type ServerFrame =
  | { type: "starting" }
  | Welcome
  | Ack
  | ({ type: "message" } & MessageView)
  | Messages
  | { type: "delta"; conversation: number; answer_id: string; epoch: number; offset: number; text: string }
  | { type: "withdrawn"; conversation: number; answer_id: string }
  | { type: "typing"; conversation: number; sender: SenderType; on?: boolean; text?: string; agent_id?: number; name?: string; note?: boolean }
  | { type: "read"; conversation: number; by: "contact" | "agent"; seq: number }
  | ConversationEvent
  | { type: "recalled"; conversation: number; seq: number }
  | { type: "csat"; conversation: number; question: string }
  | { type: "rated"; conversation: number; score: number; comment?: string }
  | { type: "error"; error: ErrorBody; client_msg_id?: string }
  | { type: "going_away"; reconnect_after_ms: number }
  | { type: "pong"; id?: string };
