import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

vi.mock("@/i18n", () => ({ lang: { value: "en" } }));
const { call } = await import("./client");

const refused = (code: string, status: number, retry_after_s: number): Response =>
  new Response(JSON.stringify({ error: { code, message: "no", retry: "later", retry_after_s } }), { status });
const fetched = vi.fn<() => Promise<Response>>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", fetched);
});
afterEach(() => {
  vi.useRealTimers();
  fetched.mockReset();
});

describe("a call that came too fast", () => {
  it("is repeated after the time that the server names, when it only reads", async () => {
    fetched.mockResolvedValueOnce(refused("rate_limited", 429, 0.4)).mockResolvedValueOnce(new Response("[1]"));
    const answer = call<number[]>("GET", "things");
    await vi.advanceTimersByTimeAsync(399);
    expect(fetched).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await answer).toEqual([1]);
  });

  it("is not repeated when it changes something, when the wait is long, or for ever", async () => {
    fetched.mockImplementation(async () => refused("rate_limited", 429, 0.1));
    await expect(call("POST", "things")).rejects.toMatchObject({ code: "rate_limited" });
    expect(fetched).toHaveBeenCalledTimes(1);
    const ends = expect(call("GET", "things")).rejects.toMatchObject({ code: "rate_limited" });
    await vi.runAllTimersAsync();
    await ends;
    expect(fetched).toHaveBeenCalledTimes(1 + 4);
    fetched.mockImplementation(async () => refused("rate_limited", 429, 30));
    await expect(call("GET", "things")).rejects.toMatchObject({ code: "rate_limited" });
  });
});

describe("a network that swallows everything", () => {
  const swallow = (_path: string, { signal }: RequestInit): Promise<Response> =>
    new Promise((_, fail) => signal?.addEventListener("abort", () => fail(signal.reason as Error)));

  it("is told from a server that answers, after 30 s", async () => {
    fetched.mockImplementation(swallow as never);
    const ends = expect(call("GET", "things")).rejects.toMatchObject({ code: "offline" });
    await vi.advanceTimersByTimeAsync(30_000);
    await ends;
  });

  it("leaves who gave up alone, and does not hurry what changes something", async () => {
    fetched.mockImplementation(swallow as never);
    const mine = new AbortController();
    const ends = expect(call("GET", "things", { signal: mine.signal })).rejects.toMatchObject({ name: "AbortError" });
    mine.abort();
    await ends;
    let settled = false;
    void call("POST", "things").finally(() => (settled = true)).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(settled).toBe(false);
  });
});
