import { beforeEach, describe, expect, it } from "vitest";
import { Outbox, type OutboxStore, type StreamState } from "./outbox";

let kept: string | null;
let streams: number;
const store: OutboxStore = {
  load: () => (kept ? (JSON.parse(kept) as StreamState) : null),
  save: (state) => {
    kept = JSON.stringify(state);
  },
};
const open = (): Outbox => new Outbox(store, () => `s${++streams}`);

beforeEach(() => {
  kept = null;
  streams = 0;
});

describe("outbox", () => {
  it("sends one at a time, in order, counting from 1", () => {
    const box = open();
    box.add("a", "", 1);
    box.add("b", "", 2);
    expect(box.next()).toMatchObject({ client_msg_id: "s1.1", n: 1, text: "a" });
    expect(box.next()).toBeNull();
    expect(box.stored("s1.1")).toBe(true);
    expect(box.next()).toMatchObject({ client_msg_id: "s1.2", n: 2 });
  });

  it("sends again with the same id what was under way when the page was left", () => {
    const before = open();
    before.add("a", "", 1);
    before.add("b", "handoff", 2);
    before.next();
    const after = open();
    expect(after.next()).toMatchObject({ client_msg_id: "s1.1", text: "a" });
    after.stored("s1.1");
    expect(after.next()).toMatchObject({ client_msg_id: "s1.2", action: "handoff" });
  });

  it("keeps the id over a lost connection and forgets nothing on a doubled ack", () => {
    const box = open();
    box.add("a", "", 1);
    box.add("b", "", 1);
    box.next();
    box.lost();
    expect(box.next()?.client_msg_id).toBe("s1.1");
    box.stored("s1.1");
    expect(box.stored("s1.1")).toBe(false);
    expect(box.entries.map((entry) => entry.text)).toEqual(["b"]);
  });

  it("goes on behind a refused message under a new stream from 1", () => {
    const box = open();
    for (const text of ["a", "b", "c"]) box.add(text, "", 1);
    box.next();
    box.stored("s1.1");
    box.next();
    box.refused("s1.2", "no");
    expect(box.next()).toMatchObject({ client_msg_id: "s2.1", n: 1, text: "c" });
    expect(box.entries.map((entry) => entry.failed)).toEqual(["no", undefined]);
    box.stored("s2.1");
    box.retry("s1.2", 9);
    expect(box.next()).toMatchObject({ client_msg_id: "s2.2", n: 2, text: "b" });
  });

  it("sends a postponed message again under its own id", () => {
    const box = open();
    box.add("a", "", 1);
    box.next();
    box.postponed("s1.1");
    expect(box.next()?.client_msg_id).toBe("s1.1");
  });
});
