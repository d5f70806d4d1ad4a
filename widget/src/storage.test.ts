import { beforeEach, describe, expect, it, vi } from "vitest";
import { Outbox } from "./outbox";
import { Slots } from "./storage";

class Kept {
  [key: string]: unknown;
}

function fakeStorage(): Storage {
  const data = new Kept();
  Object.defineProperties(data, {
    getItem: { value: (key: string) => (data[key] as string | undefined) ?? null },
    setItem: { value: (key: string, value: string) => void (data[key] = value) },
    removeItem: { value: (key: string) => void delete data[key] },
  });
  return data as unknown as Storage;
}

let now = 0;
let count = 0;
const id = (): string => `s${++count}`;

beforeEach(() => {
  now = 1_000;
  vi.stubGlobal("window", { localStorage: fakeStorage() });
});

describe("slots", () => {
  it("hands what a closed page left behind to the next, with the same ids", () => {
    const page = new Slots("p", () => now);
    const box = new Outbox(page.mine(), id);
    const entry = box.add("a", "", 1);
    page.release();
    const next = new Slots("p", () => now).adopt().map((store) => new Outbox(store, id));
    expect(next[0]?.next()?.client_msg_id).toBe(entry.id);
  });

  it("leaves alone what another open page is sending, until its lease ends", () => {
    const page = new Slots("p", () => now);
    new Outbox(page.mine(), id).add("a", "", 1);
    const other = new Slots("p", () => now);
    expect(other.adopt()).toEqual([]);
    now += 10_000;
    page.renew();
    now += 10_000;
    expect(other.adopt()).toEqual([]);
    now += 6_000;
    expect(other.adopt().length).toBe(1);
  });

  it("leaves nothing behind when all is stored", () => {
    const page = new Slots("p", () => now);
    const box = new Outbox(page.mine(), id);
    box.stored(box.add("a", "", 1).id);
    expect(Object.keys(window.localStorage)).toEqual([]);
  });
});
