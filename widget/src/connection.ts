/** Keeps a way to the server open: connects, says hello, comes back after a loss.
 *
 * Goes over to long polling when a WebSocket never opens while the server can be reached, and
 * stays with it until that breaks too. */

import { askedMs, backoffMs, mayReconnect } from "./backoff";
import type { Link, LinkEvents } from "./link";
import type { ClientFrame, ErrorBody, Hello, ServerFrame } from "./wire";

export type Phase = "idle" | "connecting" | "starting" | "online" | "waiting" | "offline" | "stopped";

export interface ConnectionPorts {
  hello(): Hello;
  open(kind: Link["kind"], hello: Hello, on: LinkEvents): Link;
  /** Every frame but those this file handles; welcome included. */
  frame(frame: ServerFrame): void;
  changed(phase: Phase): void;
  /** The way broke; what was under way is unknown. */
  lost(): void;
  /** A close code that forbids coming back. True: try once more all the same (a new identity). */
  stopping?(code: number, error: ErrorBody | null): boolean;
}

/** An answer to a probe, or to a message, must come within this, else the way counts as dead. */
const PROBE_MS = 8_000;
/** The same once the browser says that the network is gone: a socket does not notice by itself, and
 * it may still work, as a desk on this very machine does. */
const OFFLINE_PROBE_MS = 2_000;
/** While polling, a WebSocket is tried again after this long, doubling up to ten times as much. */
const UPGRADE_MS = 60_000;

function noNetwork(): boolean {
  return typeof navigator !== "undefined" && navigator.onLine === false;
}

export class Connection {
  phase: Phase = "idle";
  /** Why it stopped, in the words of the server. */
  error: ErrorBody | null = null;
  private link: Link | null = null;
  private attempt = 0;
  /** Openings that failed in a row, odd: try polling next. */
  private unopened = 0;
  /** A WebSocket worked on this page: the server is away, not the way to it blocked. */
  private socketWorked = false;
  private upgradeMs = UPGRADE_MS;
  private askedMs: number | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private probe: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ports: ConnectionPorts,
    private readonly polling = true,
  ) {}

  get kind(): Link["kind"] | null {
    return this.link?.kind ?? null;
  }

  start(): void {
    if (this.phase === "idle" || this.phase === "stopped") this.connect();
  }

  stop(): void {
    this.leave();
    this.to("idle");
  }

  /** Drops the way at hand and connects anew at once (another identity, the network is back). */
  restart(): void {
    this.leave();
    this.attempt = 0;
    this.connect();
  }

  /** Do not wait for the back-off any longer: the network or the page came back. */
  nudge(): void {
    if (this.phase === "waiting" || this.phase === "offline") this.restart();
    else if (this.send({ type: "ping" })) this.doubt(PROBE_MS);
  }

  /** The browser says that there is no network. */
  offline(): void {
    if (this.phase === "waiting") this.to("offline");
    else if (this.send({ type: "ping" })) {
      clearTimeout(this.probe);
      this.probe = undefined;
      this.doubt(OFFLINE_PROBE_MS);
    }
  }

  send(frame: ClientFrame): boolean {
    if (this.phase !== "online" || !this.link) return false;
    this.link.send(frame);
    // A network that swallows everything closes no socket: without this, "sending" would stand for
    // minutes. What was sent goes again under its own id, so giving up too early does no harm.
    if (frame.type === "message") this.doubt(PROBE_MS);
    return true;
  }

  /** Gives the way up unless something comes within `ms`. */
  private doubt(ms: number): void {
    this.probe ??= setTimeout(() => {
      this.probe = undefined;
      this.lose(0);
    }, ms);
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.error = null;
    const poll = this.pollNext();
    // Tried all the same: a desk on this machine or in this house needs no network.
    this.to(noNetwork() ? "offline" : "connecting");
    let mine: Link | null = null;
    const on: LinkEvents = {
      frame: (frame) => this.take(frame),
      closed: (code) => {
        if (this.link === mine) this.lose(code);
      },
    };
    mine = this.ports.open(poll ? "poll" : "socket", this.ports.hello(), on);
    this.link = mine;
  }

  private take(frame: ServerFrame): void {
    if (this.probe) {
      clearTimeout(this.probe);
      this.probe = undefined;
    }
    switch (frame.type) {
      case "starting":
        this.to("starting");
        return;
      case "pong":
        return;
      case "going_away":
        this.askedMs = frame.reconnect_after_ms;
        return;
      case "error":
        if (!frame.client_msg_id) {
          this.error = frame.error;
          if (frame.error.retry_after_s) this.askedMs = frame.error.retry_after_s * 1000;
        }
        break;
      case "welcome":
        this.attempt = 0;
        this.error = null;
        if (this.link?.kind === "socket") {
          this.unopened = 0;
          this.socketWorked = true;
          this.upgradeMs = UPGRADE_MS;
        } else {
          this.timer = setTimeout(() => this.restart(), this.upgradeMs);
          this.upgradeMs = Math.min(this.upgradeMs * 2, UPGRADE_MS * 10);
          this.unopened = 0;
        }
        this.to("online");
    }
    this.ports.frame(frame);
  }

  private pollNext(): boolean {
    return this.polling && this.unopened % 2 === 1 && (!this.socketWorked || this.unopened > 4);
  }

  private lose(code: number): void {
    const never = this.phase === "connecting" && code === 0;
    const kind = this.link?.kind;
    this.leave();
    this.ports.lost();
    if (!mayReconnect(code) && !this.ports.stopping?.(code, this.error)) {
      this.to("stopped");
      return;
    }
    if (never) this.unopened++;
    let wait = this.askedMs === null ? backoffMs(this.attempt) : askedMs(this.askedMs);
    // The first try of the other way needs no waiting: the visitor has waited already.
    if (never && kind === "socket" && this.pollNext()) wait = 0;
    else this.attempt++;
    this.askedMs = null;
    this.to(noNetwork() ? "offline" : "waiting");
    this.timer = setTimeout(() => this.connect(), wait);
  }

  private leave(): void {
    clearTimeout(this.timer);
    clearTimeout(this.probe);
    this.probe = undefined;
    const link = this.link;
    this.link = null;
    link?.close();
  }

  private to(phase: Phase): void {
    if (phase === this.phase) return;
    this.phase = phase;
    this.ports.changed(phase);
  }
}
