import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Conversation } from "@/api/types";
import type { DeskFrame } from "./frames";

// Node draws no frames; fake timers do, where there is something to stand in for.
vi.stubGlobal("requestAnimationFrame", () => 0);
vi.stubGlobal("cancelAnimationFrame", () => undefined);
const FRAME_MS = 16;
let hear: (frame: DeskFrame) => void = () => undefined;
vi.mock("./socket", () => ({ listen: (callback: typeof hear) => ((hear = callback), () => undefined), whenOnline: () => () => undefined }));
vi.mock("@/lib/session", () => ({ myId: { value: 5 }, me: { value: { team_ids: [2] } }, can: () => false }));
const conversations = vi.fn();
const conversation = vi.fn();
vi.mock("@/api", () => ({ api: {
  conversations: (...given: unknown[]) => conversations(...given) as unknown,
  conversation: (...given: unknown[]) => conversation(...given) as unknown,
} }));

const { forgetLists, found, inOrder, known, listOf, load, needsCount, put, startLists, touch } = await import("./list");
const at = (second: number): string => new Date(second * 1000).toISOString();
const c = (id: number, extra: Partial<Conversation> = {}): Conversation => ({
  id, inbox_id: 1, contact_id: id, contact_name: "", status: "pending", holder: "bot", epoch: 1, agent_id: null,
  agent_name: "", lang: "", last_text: "", last_seq: 1, last_incoming_seq: 1, answered_seq: 1,
  read_by_contact_seq: 0, read_by_agent_seq: 0, waiting_since: null, created_at: at(0), updated_at: at(id), ...extra,
});
const ids = (name: Parameters<typeof inOrder>[0]): number[] => inOrder(name).map((each) => each.id);

beforeEach(() => {
  forgetLists();
  startLists();
});

describe("lists", () => {
  it("show who needs somebody, the longest waiting first", () => {
    put(c(1, { holder: "queue", waiting_since: at(50) }));
    put(c(2, { holder: "queue", waiting_since: at(40) }));
    put(c(3, { holder: "agent", agent_id: 5, waiting_since: at(60) }));
    put(c(4, { holder: "agent", agent_id: 5 }));
    put(c(5, { holder: "agent", agent_id: 6, waiting_since: at(10) }));
    put(c(7, { holder: "queue", waiting_since: at(70), priority: 4 }));
    put(c(8, { holder: "queue", waiting_since: at(1), status: "snoozed" }));
    put(c(6));
    put(c(9, { holder: "queue", waiting_since: at(45), team_id: 2 }));
    put(c(10, { holder: "queue", waiting_since: at(2), team_id: 3 }));
    expect(ids("needs")).toEqual([7, 2, 9, 1, 3]);
    expect(ids("unassigned")).toEqual([7, 2, 1]);
    expect(ids("snoozed")).toEqual([8]);
    expect(ids("mine")).toEqual([4, 3]);
    expect(ids("bot")).toEqual([6]);
    expect(needsCount.value).toBe(5);
  });

  it("count what is new to me once, and take the server's word for it", () => {
    vi.useFakeTimers();
    put(c(1, { last_seq: 3, last_incoming_seq: 3, read_seq: 2, unread: 1 }));
    const said = (seq: number): void => hear({ type: "conversation", conversation: { id: 1, status: "open", holder: "queue", epoch: 1, last_seq: 5 }, incoming_seq: seq });
    said(3);
    said(4);
    said(4);
    said(5);
    vi.advanceTimersByTime(FRAME_MS);
    touch(1, {});
    expect([known.get(1)?.unread, known.get(1)?.last_incoming_seq]).toEqual([3, 5]);
    hear({ type: "unread", conversation: 1, seq: 5, count: 0 });
    expect([known.get(1)?.unread, known.get(1)?.read_seq]).toEqual([0, 5]);
    vi.useRealTimers();
  });

  it("show nothing below what was loaded: there may be holes", async () => {
    put(c(1));
    conversations.mockResolvedValueOnce({ items: [c(9), c(8)], next: "more" });
    await load("all");
    expect(ids("all")).toEqual([9, 8]);
    conversations.mockResolvedValueOnce({ items: [c(7), c(1)], next: null });
    await load("all", true);
    expect(ids("all")).toEqual([9, 8, 7, 1]);
  });

  it("do not let an old answer undo a later event", () => {
    put(c(1, { epoch: 2, holder: "queue" }));
    put(c(1, { epoch: 1, holder: "bot" }));
    expect(known.get(1)?.holder).toBe("queue");
  });

  it("keep what was heard while they were asked for, and ask once more", async () => {
    vi.useFakeTimers();
    put(c(1, { read_seq: 1, unread: 0 }));
    conversations.mockImplementationOnce(() => {
      hear({ type: "unread", conversation: 1, seq: 0, count: 1 });
      return Promise.resolve({ items: [c(1, { read_seq: 1, unread: 0 })], next: null });
    });
    conversation.mockResolvedValueOnce(c(1, { read_seq: 0, unread: 1, team_name: "Shop" }));
    await load("all");
    expect(known.get(1)?.unread).toBe(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(known.get(1)).toMatchObject({ unread: 1, team_name: "Shop" });
    vi.useRealTimers();
  });

  it("lose what went out of reach, and no older answer brings it back", async () => {
    conversations.mockResolvedValueOnce({ items: [c(1), c(2)], next: null });
    await load("all");
    found.value = [c(1), c(2)];
    conversations.mockImplementationOnce(() => {
      hear({ type: "gone", conversation: 1 });
      return Promise.resolve({ items: [c(1), c(2)], next: null });
    });
    await load("all");
    expect(ids("all")).toEqual([2]);
    expect(found.value.map((each) => each.id)).toEqual([2]);
    conversations.mockResolvedValueOnce({ items: [c(1), c(2)], next: null });
    await load("all");
    expect(ids("all")).toEqual([2, 1]);
  });

  it("follow events; what an event leaves out stays as it was", async () => {
    vi.useFakeTimers();
    put(c(1, { priority: 3, team_id: 2 }));
    const state = { id: 1, status: "open" as const, holder: "queue" as const, epoch: 2, last_seq: 3 };
    hear({ type: "conversation", conversation: state, updated_at: at(99), last_text: "hi", waiting_since: at(98) });
    expect(known.get(1)?.holder).toBe("bot");
    vi.advanceTimersByTime(FRAME_MS);
    expect(known.get(1)).toMatchObject({ holder: "queue", last_text: "hi", waiting_since: at(98), priority: 3, team_id: 2, agent_id: null });
    hear({ type: "conversation", conversation: { ...state, epoch: 3, holder: "agent", agent_name: "Ann" }, updated_at: at(100), agent_id: 5, team_id: null, mentions: [5] });
    vi.advanceTimersByTime(FRAME_MS);
    expect(known.get(1)).toMatchObject({ agent_id: 5, agent_name: "Ann", team_id: null, waiting_since: null, mentioned: true });
    conversation.mockResolvedValueOnce(c(77));
    hear({ type: "conversation", conversation: { ...state, id: 77 } });
    await vi.advanceTimersByTimeAsync(300);
    expect(conversation).toHaveBeenCalledWith(77);
    expect(known.has(77)).toBe(true);
    vi.useRealTimers();
  });

  it("take what was heard before what is put in later", () => {
    vi.useFakeTimers();
    put(c(1));
    hear({ type: "conversation", conversation: { id: 1, status: "open", holder: "queue", epoch: 2, last_seq: 3 }, updated_at: at(9), waiting_since: at(8) });
    touch(1, { waiting_since: null });
    vi.advanceTimersByTime(FRAME_MS);
    expect(known.get(1)).toMatchObject({ holder: "queue", waiting_since: null });
    vi.useRealTimers();
  });

  it("ask once for many that nobody knows yet", async () => {
    vi.useFakeTimers();
    conversation.mockClear();
    conversations.mockResolvedValueOnce({ items: [c(31), c(32), c(33)], next: null });
    conversation.mockResolvedValueOnce(c(34));
    for (const id of [31, 32, 33, 34]) {
      hear({ type: "conversation", conversation: { id, status: "open", holder: "queue", epoch: 1, last_seq: 1 } });
    }
    await vi.advanceTimersByTimeAsync(300);
    expect(conversations).toHaveBeenLastCalledWith({ limit: 24 });
    expect(conversation.mock.calls).toEqual([[34]]);
    expect([31, 32, 33, 34].every((id) => known.has(id))).toBe(true);
    vi.useRealTimers();
  });

  it("load all of a list that is worked off, and ask again for what vanished from it", async () => {
    vi.useFakeTimers();
    put(c(5, { holder: "queue", waiting_since: at(5) }));
    conversation.mockClear();
    conversation.mockResolvedValueOnce(c(5, { holder: "none", status: "resolved", epoch: 2 }));
    conversations.mockResolvedValueOnce({ items: [c(6, { holder: "queue", waiting_since: at(6) })], next: "two" });
    conversations.mockResolvedValueOnce({ items: [c(7, { holder: "queue", waiting_since: at(7) })], next: null });
    await load("unassigned");
    expect(conversations).toHaveBeenLastCalledWith({ unassigned: true, status: "open", sort: "priority", limit: 200, cursor: "two" });
    await vi.advanceTimersByTimeAsync(300);
    expect(conversation.mock.calls).toEqual([[5]]);
    expect(ids("unassigned")).toEqual([6, 7]);
    vi.useRealTimers();
  });

  it("keep what failed apart from what is empty", async () => {
    conversations.mockRejectedValueOnce(new Error("no"));
    await load("bot");
    expect([listOf("bot").loaded, listOf("bot").error]).toEqual([false, new Error("no")]);
  });
});
