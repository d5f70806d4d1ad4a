/** Frames that only agents get, beside those of the protocol that both sides speak. */

import type { ConversationEvent, ErrorBody, MessageView, ServerFrame } from "@widget/wire";
import type { Device, PageView } from "@/api/pages";
import type { Presence, Priority, Tag } from "@/api/types";

/** What the list shows of a conversation. With `updated_at` it tells all of it: no `agent_id` means that
 * nobody holds it. `team_id`, `snoozed_until`, `priority` and `tags` are there only when they changed;
 * `mentions` are the agents whom a note names that was written just now. */
export interface ListEvent extends ConversationEvent {
  agent_id?: number | null;
  waiting_since?: string | null;
  team_id?: number | null;
  snoozed_until?: string | null;
  priority?: Priority;
  tags?: Tag[];
  mentions?: number[];
  /** The visitor's message that was stored just now. */
  incoming_seq?: number;
}

/** How far I have read, from any of my pages. */
export interface UnreadFrame {
  type: "unread";
  conversation: number;
  seq: number;
  count: number;
}

export type AssistFrame =
  | { type: "assist_delta"; assist_id: string; conversation: number; offset: number; text: string }
  | { type: "assist_done"; assist_id: string; conversation: number; text: string; sources?: { article_id: number; title: string }[]; check?: string[]; left_out?: number }
  | { type: "assist_failed"; assist_id: string; conversation: number; error: ErrorBody }
  | { type: "summary"; conversation: number; text: string; seq: number; at: string };

export interface RecalledFrame {
  type: "recalled";
  conversation: number;
  seq: number;
}

export interface PresenceFrame extends Presence {
  type: "presence";
}

export interface AlarmFrame {
  type: "alarm";
  kind: "waiting_late" | "reply_late";
  conversation: number;
}

/** It went to a team whose conversations I may not see. */
export interface GoneFrame {
  type: "gone";
  conversation: number;
}

/** The visitor has opened a page, or has left all of them. */
export interface VisitorFrame {
  type: "visitor";
  conversation: number;
  here: boolean;
}

/** Pages that the visitor has gone on to; the last one is where they are. */
export interface VisitedFrame {
  type: "visited";
  conversation: number;
  pages: PageView[];
  device?: Device;
}

/** The visitor has said how it was. */
export interface RatedFrame {
  type: "rated";
  conversation: number;
  score: number;
  comment?: string;
}

export type DeskFrame = Exclude<ServerFrame, ConversationEvent> | ListEvent | RecalledFrame | RatedFrame | PresenceFrame | AlarmFrame
  | UnreadFrame | GoneFrame | AssistFrame | VisitorFrame | VisitedFrame;

/** A message as agents see it: one that was taken back has no text any more. */
export type DeskMessage = MessageView & { recalled?: boolean; mentions?: number[]; via?: "mail"; mail_from?: string };
