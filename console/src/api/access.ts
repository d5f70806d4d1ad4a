/** Signing in, and one's own account: second factor, sign-ins, reset links. */

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

export const access = {
  reset: (token: string, password: string) => call<void>("POST", "reset", { body: { token, password } }),
  beginTotp: () => call<TotpBegun>("POST", "me/totp/begin"),
  confirmTotp: (code: string) => call<{ recovery_codes: string[] }>("POST", "me/totp/confirm", { body: { code } }),
  removeTotp: (password: string) => call<void>("DELETE", "me/totp", { body: { password } }),
  sessions: () => call<Page<SignedIn>>("GET", "me/sessions"),
  endSession: (id: number) => call<void>("DELETE", `me/sessions/${id}`),
};
