import type { ServerFrame } from "@widget/wire";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Conversation } from "@/api/types";

let hear: (frame: ServerFrame) => void = () => undefined;
vi.mock("./socket", () => ({ listen: (callback: typeof hear) => ((hear = callback), () => undefined), whenOnline: () => () => undefined }));
vi.mock("@/lib/session", () => ({ myId: { value: 5 } }));
const conversations = vi.fn();
const conversation = vi.fn();
vi.mock("@/api", () => ({ api: {
  conversations: (...given: unknown[]) => conversations(...given) as unknown,
  conversation: (...given: unknown[]) => conversation(...given) as unknown,
} }));

const { forgetLists, inOrder, known, lists, load, needsCount, put, startLists } = await import("./list");
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
    put(c(3, { holder: "agent", agent_id: 5, last_incoming_seq: 4, answered_seq: 2 }));
    put(c(4, { holder: "agent", agent_id: 5 }));
    put(c(5, { holder: "agent", agent_id: 6, last_incoming_seq: 4 }));
    put(c(6));
    expect(ids("needs")).toEqual([2, 1, 3]);
    expect(ids("mine")).toEqual([4, 3]);
    expect(ids("bot")).toEqual([6]);
    expect(needsCount.value).toBe(3);
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

  it("follow events, and ask for what an event does not tell", async () => {
    vi.useFakeTimers();
    put(c(1));
    const state = { id: 1, status: "open" as const, holder: "queue" as const, epoch: 2, last_seq: 3 };
    hear({ type: "conversation", conversation: state, updated_at: at(99), last_text: "hi" });
    expect(known.get(1)).toMatchObject({ holder: "queue", last_text: "hi", waiting_since: at(99) });
    conversation.mockResolvedValueOnce(c(77));
    hear({ type: "conversation", conversation: { ...state, id: 77 } });
    await vi.advanceTimersByTimeAsync(300);
    expect(conversation).toHaveBeenCalledWith(77);
    expect(known.has(77)).toBe(true);
    vi.useRealTimers();
  });

  it("keep what failed apart from what is empty", async () => {
    conversations.mockRejectedValueOnce(new Error("no"));
    await load("bot");
    expect([lists.bot.loaded, lists.bot.error]).toEqual([false, new Error("no")]);
  });
});
