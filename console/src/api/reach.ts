/** How a reply will arrive, and what has become of those before. */

import { call } from "./client";

export interface Delivery {
  seq: number;
  state: "due" | "sending" | "sent" | "failed" | "unknown" | "skipped";
  via?: string;
  to?: string;
  why?: string;
}
export interface Reach {
  way: "live" | "email" | "sms" | "channel" | "none";
  here?: boolean;
  to?: string;
  wait_s?: number;
  why?: "off" | "no_address" | "stopped" | "bounced" | "not_set_up";
  deliveries?: Delivery[];
}

export const reachOf = (id: number): Promise<Reach> => call("GET", `/conversations/${id}/reach`);
