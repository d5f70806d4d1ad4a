import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { EVENTS } from "@/api/hookEvents";
import { EVENT_GROUPS, groupState, pretty, toggled } from "./webhooks";

describe("events of webhooks", () => {
  it("are those of the server, in its order", () => {
    const source = readFileSync(fileURLToPath(new URL("../../../src/zhike/domain/hook.py", import.meta.url)), "utf8");
    const list = /HookEvent = Literal\[([^\]]*)\]/.exec(source)?.[1] ?? "";
    expect([...list.matchAll(/"([a-z_.]+)"/g)].map((found) => found[1])).toEqual([...EVENTS]);
  });

  it("each stand in one group", () => {
    expect(EVENT_GROUPS.flatMap((group) => group.events)).toEqual([...EVENTS]);
  });

  it("are chosen by the group", () => {
    const said = EVENT_GROUPS[0];
    if (!said) throw new Error("no group");
    expect(groupState(said, [])).toBe("none");
    expect(groupState(said, ["message.created"])).toBe("some");
    const all = toggled(said, ["message.created", "rating.created"]);
    expect(all).toEqual([...said.events, "rating.created"]);
    expect(groupState(said, all)).toBe("all");
    expect(toggled(said, all)).toEqual(["rating.created"]);
  });
});

describe("a body", () => {
  it("is shown in lines if it is JSON", () => {
    expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(pretty("OK")).toBe("OK");
  });
});
