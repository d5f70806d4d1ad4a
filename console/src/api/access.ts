/** Signing in, and one's own account: second factor, sign-ins, reset links, browsers that are told by push. */

import { call } from "./client";
import type { Page } from "./types";

/** One sign-in of mine. `last_used_at` is exact to an hour. */
export interface SignedIn {
  id: number;
  created_at: string;
  last_used_at: string;
  address: string;
  user_agent: string;
  current: boolean;
}

export interface TotpBegun {
  secret: string;
  uri: string;
  qr_svg: string;
}

/** A browser of mine that is told while the console is closed. `current`: this one. */
export interface PushDevice {
  id: number;
  user_agent: string;
  service: string;
  current: boolean;
  created_at: string;
  last_sent_at: string | null;
  failures: number;
  last_error: string;
}

export interface NewPush {
  endpoint: string;
  keys: { p256dh: string; auth: string };
  lang: "zh" | "en";
}

export const access = {
  reset: (token: string, password: string) => call<void>("POST", "reset", { body: { token, password } }),
  beginTotp: () => call<TotpBegun>("POST", "me/totp/begin"),
  confirmTotp: (code: string) => call<{ recovery_codes: string[] }>("POST", "me/totp/confirm", { body: { code } }),
  removeTotp: (password: string) => call<void>("DELETE", "me/totp", { body: { password } }),
  sessions: () => call<Page<SignedIn>>("GET", "me/sessions"),
  pushKey: () => call<{ public_key: string }>("GET", "me/push/key"),
  push: () => call<Page<PushDevice>>("GET", "me/push"),
  addPush: (body: NewPush) => call<PushDevice>("POST", "me/push", { body }),
  removePush: (id: number) => call<void>("DELETE", `me/push/${id}`),
  testPush: (id: number) => call<{ took_ms: number }>("POST", `me/push/${id}/test`),
  endSession: (id: number) => call<void>("DELETE", `me/sessions/${id}`),
};
