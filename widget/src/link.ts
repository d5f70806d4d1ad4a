/** One way to the server: a WebSocket, or long polling where WebSocket does not get through.
 * Both carry the same frames; the connection above does not care which. */

import type { Ack, ClientFrame, ErrorBody, Hello, Messages, ServerFrame, Welcome } from "./wire";

export interface LinkEvents {
  frame(frame: ServerFrame): void;
  /** The way is gone. `code` 0: it never opened, or broke without a word. */
  closed(code: number): void;
}

export interface Link {
  readonly kind: "socket" | "poll";
  send(frame: ClientFrame): void;
  close(): void;
}

/** A way that opens but brings no answer to hello (a proxy that swallows upgrades) is given up. */
const HELLO_TIMEOUT_MS = 10_000;

export function socketLink(url: string, hello: Hello, on: LinkEvents): Link {
  const socket = new WebSocket(url);
  let heard = false;
  let over = false;
  const timer = setTimeout(() => {
    if (!heard) end(0);
  }, HELLO_TIMEOUT_MS);
  const end = (code: number): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    on.closed(code);
  };
  socket.onopen = () => socket.send(JSON.stringify(hello));
  socket.onmessage = (event: MessageEvent<string>) => {
    heard = true;
    on.frame(JSON.parse(event.data) as ServerFrame);
  };
  socket.onclose = (event) => end(heard || event.code >= 4000 ? event.code : 0);
  return {
    kind: "socket",
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
    },
    close: () => {
      over = true;
      clearTimeout(timer);
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    },
  };
}

/** How long one poll may wait for news, in seconds. Below the usual proxy time-out of 30 s. */
const WAIT_S = 25;

/** A call of a visitor's own, beside the connection. Throws {@link Refused}. */
export async function visitorCall<T>(base: string, path: string, token: string, lang: string | undefined,
  body: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = {};
  if (lang) headers["Accept-Language"] = lang;
  if (token) headers["Authorization"] = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(`${base}/api/v1/visitor/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers,
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
    credentials: "omit",
    cache: "no-store",
  });
  if (!answer.ok) {
    const refusal = (await answer.json().catch(() => null)) as { error?: ErrorBody } | null;
    throw new Refused(answer.status, refusal?.error ?? null);
  }
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly body: ErrorBody | null,
  ) {
    super(body?.message ?? `HTTP ${status}`);
  }
}

export function pollLink(base: string, hello: Hello, on: LinkEvents): Link {
  const stop = new AbortController();
  let round: AbortController | null = null;
  let token = hello.token ?? "";
  let after = hello.after ?? 0;
  let conversation = hello.conversation ?? 0;
  let over = false;

  const call = <T>(path: string, body?: unknown, signal: AbortSignal = stop.signal): Promise<T> =>
    visitorCall<T>(base, path, token, hello.lang, body, signal);

  function fail(reason: unknown): void {
    if (over) return;
    over = true;
    stop.abort();
    let code = 0;
    if (reason instanceof Refused) {
      if (reason.body) on.frame({ type: "error", error: reason.body });
      // The same rule as the close codes: what never gets better is not tried again.
      code = reason.body?.retry === "never" ? 4500 : 4000;
    }
    on.closed(code);
  }

  async function run(): Promise<void> {
    const welcome = await call<Welcome>("hello", hello);
    if (over) return;
    token = welcome.token || token;
    on.frame({ ...welcome, type: "welcome" });
    while (!over) {
      round = new AbortController();
      const current = round;
      stop.signal.addEventListener("abort", () => current.abort(), { once: true });
      try {
        const known = conversation ? `&conversation=${conversation}` : "";
        const page = await call<Messages>(`messages?after=${after}&wait_s=${WAIT_S}${known}`, undefined, round.signal);
        if (over) return;
        // When another conversation has begun, the server sends it from its first message on.
        if (page.conversation !== conversation) after = 0;
        conversation = page.conversation;
        after = Math.max(after, page.items[page.items.length - 1]?.seq ?? 0);
        if (page.state) on.frame({ type: "conversation", conversation: page.state });
        if (page.csat) on.frame({ type: "csat", conversation: page.conversation, question: page.csat });
        if (page.items.length) on.frame({ ...page, type: "messages" });
      } catch (reason) {
        if (current.signal.aborted && !over) continue; // asked to start over from another seq
        throw reason;
      }
    }
  }

  function sendMessage(frame: ClientFrame & { type: "message" }): void {
    call<Ack>("messages", frame).then(
      (ack) => over || on.frame({ ...ack, type: "ack" }),
      (reason: unknown) => {
        if (reason instanceof Refused && reason.body) {
          on.frame({ type: "error", error: reason.body, client_msg_id: frame.client_msg_id });
        } else fail(reason);
      },
    );
  }

  run().catch(fail);
  return {
    kind: "poll",
    send: (frame) => {
      if (over) return;
      if (frame.type === "message") sendMessage(frame);
      else if (frame.type === "read" || frame.type === "page") call(frame.type, frame).catch(() => undefined);
      else if (frame.type === "rate") {
        call<{ conversation: number; score: number }>("rating", frame).then(
          (rated) => over || on.frame({ ...rated, type: "rated" }), () => undefined);
      }
      else if (frame.type === "resume" || frame.type === "history") {
        after = frame.type === "resume" ? frame.after : 0;
        round?.abort();
      } else if (frame.type === "ping") {
        // The poll under way says nothing about the network; a request of its own does.
        call<Messages>(`messages?after=${after}&wait_s=0`).then(
          () => over || on.frame({ type: "pong", id: frame.id ?? "" }), fail);
      }
    },
    close: () => {
      over = true;
      stop.abort();
    },
  };
}
