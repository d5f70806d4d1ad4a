/** Calls to the REST API: same origin, session cookie, CSRF token, one shape of error. */

import type { ErrorBody } from "@widget/wire";
import { lang } from "@/i18n";

/** A refusal by the server, or (`offline`) no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly body: ErrorBody,
    readonly status: number,
  ) {
    super(body.message);
  }

  get code(): string {
    return this.body.code;
  }
}

/** No answer at all. */
export function unreachable(): ApiError {
  return new ApiError({ code: "offline", message: "", retry: "later" }, 0);
}

let csrf = "";
let onSignedOut: () => void = () => undefined;

export function setCsrf(token: string): void {
  csrf = token;
}

export function csrfToken(): string {
  return csrf;
}

/** Called when the server says that nobody is signed in any more. */
export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/** Longer than any answer takes that somebody still waits for. */
const LATE_MS = 30_000;
const LONGEST_WAIT_S = 3;
const MOST_TRIES = 3;

export interface CallOptions {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  /** The request outlives the page (an undo window that ends because the page is left). */
  keepalive?: boolean;
  /** How often it was tried before. */
  tries?: number;
}

export async function call<T>(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, options: CallOptions = {}): Promise<T> {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  const query = parameters.size ? `?${parameters.toString()}` : "";
  const headers: Record<string, string> = { "Accept-Language": lang.value };
  if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  // A network that swallows everything ends no request: a page would say "loading" for minutes.
  const late = new AbortController();
  const timer = method === "GET" ? setTimeout(() => late.abort(new Error("no answer")), LATE_MS) : undefined;
  const abort = (): void => late.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  if (options.signal?.aborted) abort();
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}${query}`, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      signal: late.signal,
      ...(options.keepalive ? { keepalive: true } : {}),
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw unreachable();
  } finally {
    clearTimeout(timer);
  }
  if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  const envelope = (await answer.json().catch(() => null)) as { error?: ErrorBody } | null;
  const body = envelope?.error ?? { code: "internal", message: `HTTP ${answer.status}`, retry: "later" as const };
  const error = new ApiError(body, answer.status);
  // Reading is harmless to repeat: who opens many pages at once waits a moment instead of seeing a refusal.
  const wait = method === "GET" && error.code === "rate_limited" ? (body.retry_after_s ?? 1) : Infinity;
  if (wait <= LONGEST_WAIT_S && (options.tries ?? 0) < MOST_TRIES) {
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    options.signal?.throwIfAborted();
    return call<T>(method, path, { ...options, tries: (options.tries ?? 0) + 1 });
  }
  if (error.code === "unauthenticated" || error.code === "session_revoked") onSignedOut();
  throw error;
}
