import { describe, expect, it, vi } from "vitest";

vi.mock("@/live/list", () => ({ known: new Map(), whenChanged: () => () => undefined }));
vi.mock("@/live/socket", () => ({ listen: () => () => undefined }));
vi.mock("@/lib/push", () => ({ workerHere: () => null }));
vi.mock("@/lib/toasts", () => ({ notice: () => undefined }));
vi.mock("@/lib/session", () => ({ myId: { value: 5 } }));
vi.mock("@/i18n", () => ({ t: (key: string) => key }));
vi.mock("@/lib/kept", () => ({ kept: (_: string, first: unknown) => ({ value: first }) }));
const { causeOf } = await import("./alerts");
type Seen = Parameters<typeof causeOf>[1];
const seen = (extra: Partial<Seen> = {}): Seen =>
  ({ holder: "bot", agent_id: null, status: "open", last_seq: 3, waiting_since: null, mentioned: false, ...extra });

describe("what calls for a person", () => {
  it("is a visitor who begins to wait, once", () => {
    expect(causeOf(seen(), seen({ holder: "queue" }), 5)).toBe("waiting");
    expect(causeOf(undefined, seen({ holder: "queue" }), 5)).toBe("waiting");
    expect(causeOf(seen({ holder: "queue" }), seen({ holder: "queue", last_seq: 4 }), 5)).toBeNull();
  });

  it("is a message to whom I answer, not to a colleague or the bot, and not my own", () => {
    const mine = { holder: "agent" as const, agent_id: 5 };
    const waits = { last_seq: 4, waiting_since: "2026-01-01T00:00:00Z" };
    expect(causeOf(seen(mine), seen({ ...mine, ...waits }), 5)).toBe("message");
    expect(causeOf(seen({ ...mine, ...waits }), seen({ ...mine, ...waits, last_seq: 5 }), 5)).toBe("message");
    expect(causeOf(seen({ ...mine, ...waits }), seen({ ...mine, ...waits }), 5)).toBeNull();
    expect(causeOf(seen({ ...mine, ...waits }), seen({ ...mine, last_seq: 9 }), 5)).toBeNull();
    expect(causeOf(seen(mine), seen({ ...mine, ...waits }), 6)).toBeNull();
    expect(causeOf(seen(), seen(waits), 5)).toBeNull();
    expect(causeOf(undefined, seen(mine), 5)).toBeNull();
  });

  it("is a note that names me, once; nothing of what rests", () => {
    expect(causeOf(seen(), seen({ mentioned: true }), 5)).toBe("mention");
    expect(causeOf(seen({ mentioned: true }), seen({ mentioned: true }), 5)).toBeNull();
    expect(causeOf(seen(), seen({ holder: "queue", status: "snoozed" }), 5)).toBeNull();
  });
});
