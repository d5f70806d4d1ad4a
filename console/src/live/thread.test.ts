import type { ClientFrame, MessageView } from "@widget/wire";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { memoryStorage } from "@/lib/testing";
import type { DeskFrame } from "./frames";

const sent: ClientFrame[] = [];
let online = true;
let hear: (frame: DeskFrame) => void = () => undefined;
let again: () => void = () => undefined;
vi.mock("./socket", () => ({
  send: (frame: ClientFrame) => (online && sent.push(frame), online),
  listen: (callback: typeof hear) => ((hear = callback), () => undefined),
  whenOnline: (callback: () => void) => ((again = callback), callback(), () => undefined),
}));
vi.mock("@/lib/session", () => ({ myId: { value: 5 }, me: { value: null } }));
const uploading: ((a: { id: number }) => void)[] = [];
vi.mock("@/api/upload", () => ({ uploadFile: () => new Promise((ok) => uploading.push(ok)) }));
vi.mock("@/i18n", () => ({ t: (key: string) => key, lang: { value: "en" } }));
const messages = vi.fn();
vi.mock("@/api", () => ({ api: { messages: (...given: unknown[]) => messages(...given) as unknown } }));

const { Thread } = await import("./thread");
const { add, take } = await import("./uploads");
const { leftIn } = await import("./outbox");
const m = (seq: number, extra: Partial<MessageView> = {}): MessageView => ({
  conversation: 7, seq, direction: "incoming", sender: "contact", text: String(seq), at: "2026-01-01T00:00:00Z", ...extra,
});
const said = (): string[] => sent.flatMap((f) => (f.type === "message" ? [f.text] : []));
const error = { code: "not_holder", message: "no", retry: "never" as const };

async function opened(): Promise<InstanceType<typeof Thread>> {
  messages.mockResolvedValue({ type: "messages", conversation: 7, items: [m(1), m(2)], last_seq: 2, more: false });
  const thread = new Thread(7);
  await vi.waitFor(() => expect(thread.loaded.value).toBe(true));
  return thread;
}

beforeEach(() => {
  memoryStorage();
  sent.length = 0;
  online = true;
});

describe("thread", () => {
  it("watches from where the first page ended, and again after a break", async () => {
    const thread = await opened();
    expect(sent).toContainEqual({ type: "watch", conversation: 7, after: 2 });
    hear({ type: "message", ...m(3) });
    again();
    expect(sent).toContainEqual({ type: "watch", conversation: 7, after: 3 });
    expect(thread.messages.value.map((each) => each.seq)).toEqual([1, 2, 3]);
  });

  it("follows again when it comes back from another team", async () => {
    await opened();
    sent.length = 0;
    hear({ type: "gone", conversation: 7 });
    hear({ type: "conversation", conversation: { id: 8, status: "open", holder: "queue", epoch: 1, last_seq: 1 } });
    expect(sent).toEqual([]);
    for (let twice = 0; twice < 2; twice++) {
      hear({ type: "conversation", conversation: { id: 7, status: "open", holder: "queue", epoch: 1, last_seq: 2 } });
    }
    expect(sent).toEqual([{ type: "watch", conversation: 7, after: 2 }]);
  });

  it("asks for what lies in a gap and shows nothing beyond it before", async () => {
    const thread = await opened();
    hear({ type: "message", ...m(5) });
    expect(thread.messages.value.length).toBe(2);
    expect(sent).toContainEqual({ type: "resume", after: 2, conversation: 7 });
    hear({ type: "messages", conversation: 7, items: [m(3), m(4), m(5)], last_seq: 5 });
    expect(thread.messages.value.length).toBe(5);
  });

  it("sends one by one, in order, and again with the same id after a break", async () => {
    const thread = await opened();
    thread.say("a", false);
    thread.say("b", false);
    expect(said()).toEqual(["a"]);
    again();
    expect(said()).toEqual(["a", "a"]);
    const ids = sent.flatMap((f) => (f.type === "message" ? [f.client_msg_id] : []));
    expect(new Set(ids).size).toBe(1);
    hear({ type: "ack", client_msg_id: ids[0]!, conversation: 7, seq: 3, at: "2026-01-01T00:00:00Z" });
    expect(said()).toEqual(["a", "a", "b"]);
    expect(thread.messages.value.at(-1)?.text).toBe("a");
  });

  it("holds what is said later back until the files of an earlier message are there", async () => {
    const thread = await opened();
    add(7, "reply", [new File(["x"], "a.txt")]);
    thread.say("see this", false, { uploads: take(7, "reply") });
    thread.say("and this", false);
    expect(said()).toEqual([]);
    uploading[0]?.({ id: 42 });
    await vi.waitFor(() => expect(said()).toEqual(["see this"]));
    expect(sent.find((f) => f.type === "message")).toMatchObject({ files: [42] });
    const id = thread.outgoing[0]!.id;
    expect(leftIn(7).find((each) => each.id === id)?.files).toEqual([{ id: 42 }]);
    hear({ type: "ack", client_msg_id: id, conversation: 7, seq: 3, at: "2026-01-01T00:00:00Z" });
    expect(thread.messages.value.at(-1)?.attachments).toEqual([{ id: 42 }]);
    expect(said()).toEqual(["see this", "and this"]);
  });

  it("keeps a refused message red and goes on with the next", async () => {
    const thread = await opened();
    thread.say("a", false);
    thread.say("b", false);
    const first = sent.flatMap((f) => (f.type === "message" ? [f.client_msg_id] : []))[0]!;
    hear({ type: "error", client_msg_id: first, error });
    expect(thread.outgoing[0]?.failed).toEqual(error);
    expect(said()).toEqual(["a", "b"]);
  });

  it("keeps what is written while the line is down", async () => {
    const thread = await opened();
    online = false;
    thread.say("a", true);
    expect(said()).toEqual([]);
    online = true;
    again();
    expect(sent).toContainEqual(expect.objectContaining({ text: "a", note: true, conversation: 7 }));
  });
});
