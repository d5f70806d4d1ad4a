import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { askedMs, backoffMs, mayReconnect } from "./backoff";
import { Connection } from "./connection";
import type { Link, LinkEvents } from "./link";
import type { ServerFrame, Welcome } from "./wire";

interface Opened {
  kind: Link["kind"];
  on: LinkEvents;
}

const welcome: Welcome = {
  type: "welcome", v: 1, session: "s", role: "visitor", server_time: "2026-01-01T00:00:00Z", heartbeat_s: 20,
};
let opened: Opened[];
let phases: string[];
let frames: ServerFrame[];

function connection(polling = true): Connection {
  return new Connection(
    {
      hello: () => ({ type: "hello", v: 1, role: "visitor" }),
      open: (kind, _hello, on) => {
        opened.push({ kind, on });
        return { kind, send: () => undefined, close: () => undefined };
      },
      frame: (frame) => frames.push(frame),
      changed: (phase) => phases.push(phase),
      lost: () => undefined,
    },
    polling,
  );
}

const last = (): Opened => opened[opened.length - 1]!;

beforeEach(() => {
  opened = [];
  phases = [];
  frames = [];
  vi.useFakeTimers();
  vi.stubGlobal("navigator", { onLine: true });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("back-off", () => {
  it("doubles to a ceiling, with jitter over the upper half", () => {
    expect(backoffMs(0, () => 0)).toBe(250);
    expect(backoffMs(0, () => 1)).toBe(500);
    expect(backoffMs(3, () => 1)).toBe(4000);
    expect(backoffMs(99, () => 1)).toBe(30_000);
    expect(askedMs(1000, () => 1)).toBe(1500);
  });

  it("knows which close codes forbid coming back", () => {
    expect([1000, 1006, 1012, 4000, 4499, 5000].every(mayReconnect)).toBe(true);
    expect([4500, 4505, 4999].some(mayReconnect)).toBe(false);
  });
});

describe("connection", () => {
  it("comes back after a loss and stops where the server says so", () => {
    const line = connection();
    line.start();
    last().on.frame(welcome);
    expect(line.phase).toBe("online");
    last().on.closed(4004);
    expect(line.phase).toBe("waiting");
    vi.runOnlyPendingTimers();
    expect(opened.length).toBe(2);
    last().on.frame({ type: "error", error: { code: "origin_not_allowed", message: "no", retry: "never" } });
    last().on.closed(4504);
    expect(line.phase).toBe("stopped");
    expect(line.error?.message).toBe("no");
    vi.runOnlyPendingTimers();
    expect(opened.length).toBe(2);
  });

  it("waits as long as the server asks", () => {
    const line = connection();
    line.start();
    last().on.frame(welcome);
    last().on.frame({ type: "going_away", reconnect_after_ms: 4000 });
    last().on.closed(1012);
    vi.advanceTimersByTime(3999);
    expect(opened.length).toBe(1);
    vi.advanceTimersByTime(2002);
    expect(opened.length).toBe(2);
  });

  it("polls at once where no WebSocket opens, and tries the socket again later", () => {
    const line = connection();
    line.start();
    last().on.closed(0);
    vi.advanceTimersByTime(0);
    expect(last().kind).toBe("poll");
    last().on.frame(welcome);
    expect(line.phase).toBe("online");
    vi.advanceTimersByTime(60_000);
    expect(last().kind).toBe("socket");
  });

  it("does not poll when the server is merely away", () => {
    const line = connection();
    line.start();
    last().on.frame(welcome);
    last().on.closed(1006);
    for (let i = 0; i < 3; i++) {
      vi.runOnlyPendingTimers();
      expect(last().kind).toBe("socket");
      last().on.closed(0);
    }
    expect(line.phase).toBe("waiting");
  });

  it("gives up a way that does not answer a probe", () => {
    const line = connection();
    line.start();
    last().on.frame(welcome);
    line.nudge();
    vi.advanceTimersByTime(8_000);
    expect(line.phase).toBe("waiting");
  });

  it("gives up a way on which a message gets no answer, and keeps one on which anything comes", () => {
    const line = connection();
    line.start();
    last().on.frame(welcome);
    const message = { type: "message", client_msg_id: "s.1", text: "a", n: 1 } as const;
    line.send(message);
    vi.advanceTimersByTime(7_000);
    last().on.frame({ type: "typing", conversation: 1, on: true, sender: "agent" });
    vi.advanceTimersByTime(8_000);
    expect(line.phase).toBe("online");
    line.send({ type: "typing", on: true }); // is never answered
    vi.advanceTimersByTime(60_000);
    expect(line.phase).toBe("online");
    line.send(message);
    vi.advanceTimersByTime(8_000);
    expect(line.phase).toBe("waiting");
  });

  it("asks when the browser says that there is no network, and believes what works", () => {
    const line = connection();
    line.start();
    last().on.frame(welcome);
    vi.stubGlobal("navigator", { onLine: false });
    line.offline();
    last().on.frame({ type: "pong", id: "" });
    vi.advanceTimersByTime(2_000);
    expect(line.phase).toBe("online"); // a desk on this very machine
    line.nudge();
    line.offline();
    vi.advanceTimersByTime(2_000);
    expect(line.phase).toBe("offline");
    vi.runOnlyPendingTimers();
    expect(opened.length).toBe(2);
    last().on.frame(welcome);
    expect(line.phase).toBe("online");
  });

  it("tells starting from online", () => {
    const line = connection();
    line.start();
    last().on.frame({ type: "starting" });
    last().on.frame(welcome);
    expect(phases).toEqual(["connecting", "starting", "online"]);
  });
});
