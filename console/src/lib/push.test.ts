import { beforeEach, describe, expect, it, vi } from "vitest";

const access = {
  pushKey: vi.fn(async () => ({ public_key: "BAEC" })),
  addPush: vi.fn(async (body: unknown) => ({ id: 3, body })),
  removePush: vi.fn(async () => undefined),
};
const wanted = { value: 0 };
vi.mock("@/api/access", () => ({ access }));
vi.mock("@/i18n", () => ({ lang: { value: "zh" } }));
vi.mock("@/lib/kept", () => ({ kept: () => wanted }));
const { canPush, followClicks, renewPush, subscribed, turnOff, turnOn, workerHere } = await import("./push");

const LIN = 5;
const WANG = 6;

/** A browser: what it holds, and what it answers when it is asked. */
const browser = { held: null as unknown, answer: "granted", subscribe: vi.fn(), register: vi.fn(), heard: [] as ((event: unknown) => void)[] };

function subscription(key: number[]): Record<string, unknown> {
  const made = {
    options: { applicationServerKey: Uint8Array.from(key).buffer },
    unsubscribe: vi.fn(async () => ((browser.held = null), true)),
    toJSON: () => ({ endpoint: "https://push.example/1", keys: { p256dh: "B1", auth: "a1" } }),
  };
  return made;
}

function stub(extra: Record<string, unknown> = {}): void {
  const pushManager = { getSubscription: async () => browser.held, subscribe: browser.subscribe };
  const worker = { pushManager, showNotification: vi.fn() };
  vi.stubGlobal("isSecureContext", true);
  vi.stubGlobal("PushManager", class {});
  vi.stubGlobal("Notification", Object.assign(class {}, { permission: "default", requestPermission: async () => browser.answer }));
  vi.stubGlobal("navigator", {
    serviceWorker: {
      register: browser.register, ready: Promise.resolve(worker), getRegistration: async () => worker,
      addEventListener: (_: string, heard: (event: unknown) => void) => browser.heard.push(heard),
    },
  });
  for (const [name, value] of Object.entries(extra)) vi.stubGlobal(name, value);
}

beforeEach(() => {
  vi.clearAllMocks();
  wanted.value = 0;
  Object.assign(browser, { held: null, answer: "granted" });
  browser.subscribe.mockImplementation(async () => (browser.held = subscription([4, 1, 2])));
  stub();
});

describe("whether it can be", () => {
  it("is said with the reason", () => {
    expect(canPush()).toBe("yes");
    stub({ isSecureContext: false });
    expect(canPush()).toBe("insecure");
    stub({ navigator: {} });
    expect(canPush()).toBe("unsupported");
    stub({ Notification: undefined });
    expect(canPush()).toBe("unsupported");
    stub({ Notification: { permission: "denied" } });
    expect(canPush()).toBe("blocked");
  });
});

describe("turning it on", () => {
  it("subscribes with the desk's key and tells the desk", async () => {
    expect(await turnOn(LIN)).toMatchObject({ id: 3 });
    expect(browser.register).toHaveBeenCalledWith("/console/sw.js");
    expect(browser.subscribe).toHaveBeenCalledWith({ userVisibleOnly: true, applicationServerKey: Uint8Array.from([4, 1, 2]) });
    expect(access.addPush).toHaveBeenCalledWith({ endpoint: "https://push.example/1", keys: { p256dh: "B1", auth: "a1" }, lang: "zh" });
    expect(wanted.value).toBe(LIN);
    expect(await subscribed(LIN)).toBe(browser.held);
  });

  it("does nothing when the person says no", async () => {
    browser.answer = "denied";
    expect(await turnOn(LIN)).toBeNull();
    expect(browser.register).not.toHaveBeenCalled();
    expect(wanted.value).toBe(0);
  });

  it("keeps what was made under this key and drops what was made under another", async () => {
    const ours = (browser.held = subscription([4, 1, 2]));
    await turnOn(LIN);
    expect(ours["unsubscribe"]).not.toHaveBeenCalled();
    const other = (browser.held = subscription([4, 9, 9]));
    await turnOn(LIN);
    expect(other["unsubscribe"]).toHaveBeenCalled();
  });

  it("is off when the browser cannot reach its service, or the desk refuses", async () => {
    browser.subscribe.mockRejectedValue(new DOMException("push service error", "AbortError"));
    await expect(turnOn(LIN)).rejects.toBeInstanceOf(DOMException);
    expect(wanted.value).toBe(0);
    expect(access.addPush).not.toHaveBeenCalled();
  });
});

describe("afterwards", () => {
  it("belongs to who turned it on, on a browser that several use", async () => {
    await turnOn(LIN);
    access.addPush.mockClear();
    await renewPush(WANG);
    expect(access.addPush).not.toHaveBeenCalled();
    expect(await subscribed(WANG)).toBeNull();
    await renewPush(LIN);
    expect(access.addPush).toHaveBeenCalledTimes(1);
  });

  it("is turned off in the browser and at the desk", async () => {
    await turnOn(LIN);
    const held = browser.held as { unsubscribe: unknown };
    await turnOff(LIN, { id: 3 } as never);
    expect(held.unsubscribe).toHaveBeenCalled();
    expect(access.removePush).toHaveBeenCalledWith(3);
    expect(wanted.value).toBe(0);
    access.addPush.mockClear();
    await renewPush(LIN);
    expect(access.addPush).not.toHaveBeenCalled();
  });

  it("shows what the page has to say by the same worker, where it is on", async () => {
    expect(await workerHere()).toBeNull();
    await turnOn(LIN);
    expect(await workerHere()).toHaveProperty("showNotification");
  });

  it("follows a click on what was shown", () => {
    const go = vi.fn();
    followClicks(go);
    followClicks(go);
    expect(browser.heard).toHaveLength(1);
    browser.heard[0]!({ data: { type: "zhike-open", url: "/console/conversations/42" } });
    browser.heard[0]!({ data: { type: "something else" } });
    expect(go.mock.calls).toEqual([["/conversations/42"]]);
  });
});
