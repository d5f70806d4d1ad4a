import type { ClientFrame } from "@widget/wire";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { DeskFrame } from "./frames";

const sent: ClientFrame[] = [];
let online = true;
let hear: (frame: DeskFrame) => void = () => undefined;
let again: () => void = () => undefined;
vi.mock("./socket", () => ({
  connection: { phase: "online" },
  send: (frame: ClientFrame) => (online && sent.push(frame), online),
  listen: (callback: typeof hear) => ((hear = callback), () => undefined),
  whenOnline: (callback: () => void) => ((again = callback), callback(), () => undefined),
}));
vi.mock("@/i18n", () => ({ t: (key: string) => key }));

const { Proposal } = await import("./proposal");
const idOf = (at: number): string => (sent[at] as { assist_id: string }).assist_id;
const piece = (id: string, offset: number, text: string): void => hear({ type: "assist_delta", assist_id: id, conversation: 7, offset, text });

beforeEach(() => {
  sent.length = 0;
  online = true;
});

describe("a proposal", () => {
  it("grows, begins anew when another model takes over, and ends whole", () => {
    const one = new Proposal(7);
    one.ask("reply", "typed");
    expect(sent[0]).toMatchObject({ type: "assist", conversation: 7, want: "reply", text: "typed" });
    piece(idOf(0), 0, "a");
    piece(idOf(0), 1, "b");
    expect([one.text.value, one.state.value]).toEqual(["ab", "writing"]);
    piece(idOf(0), 0, "");
    piece(idOf(0), 0, "other");
    expect(one.text.value).toBe("other");
    piece("somebody else's", 0, "x");
    hear({ type: "assist_done", assist_id: idOf(0), conversation: 7, text: "other.", check: ["7 days"], left_out: 1 });
    expect([one.text.value, one.state.value, one.check.value, one.leftOut.value]).toEqual(["other.", "done", ["7 days"], 1]);
  });

  it("is ended on the server by a stop, by another one and by leaving; what has come by then can be used", () => {
    const one = new Proposal(7);
    one.ask("fix", "x");
    piece(idOf(0), 0, "half");
    one.stop();
    expect(sent.at(-1)).toEqual({ type: "assist_stop", assist_id: idOf(0) });
    expect([one.text.value, one.state.value]).toEqual(["half", "done"]);
    hear({ type: "assist_failed", assist_id: idOf(0), conversation: 7, error: { code: "x", message: "late", retry: "now" } });
    expect(one.state.value).toBe("done");
    one.ask("shorter", "x");
    one.ask("friendlier", "x");
    expect(sent.filter((frame) => frame.type === "assist_stop")).toHaveLength(2);
    one.close();
    expect(sent.at(-1)).toMatchObject({ type: "assist_stop" });
    expect(one.shown.value).toBe(false);
  });

  it("says why there is none: refused, no connection, a new connection, a minute of silence", () => {
    vi.useFakeTimers();
    const one = new Proposal(7);
    one.ask("reply", "");
    hear({ type: "assist_failed", assist_id: idOf(0), conversation: 7, error: { code: "model_busy", message: "busy", retry: "later" } });
    expect([one.state.value, one.error.value?.message]).toEqual(["failed", "busy"]);
    one.again("");
    again();
    expect(one.state.value).toBe("failed");
    one.again("");
    vi.advanceTimersByTime(61_000);
    expect([one.state.value, one.error.value?.message]).toEqual(["failed", "assist.silent"]);
    online = false;
    one.again("");
    expect(one.state.value).toBe("failed");
    vi.useRealTimers();
  });
});
