import { describe, expect, it } from "vitest";
import { actorName, detailLines, placeOf } from "./audit";

describe("an entry of the audit", () => {
  it("names people, not numbers", () => {
    expect(actorName("agent:3 Li Na")).toBe("Li Na");
    expect(actorName("key:12 order system")).toBe("order system");
    expect(actorName("system")).toBe("system");
    expect(actorName("agent:3")).toBe("agent:3");
  });

  it("leads to the page of what was changed, where there is one", () => {
    expect(placeOf("article:17")).toBe("/knowledge/17");
    expect(placeOf("inbox:1")).toBe("/inboxes");
    expect(placeOf("contact:4")).toBeNull();
    expect(placeOf("article:17/../x")).toBeNull();
  });

  it("shows its detail as lines", () => {
    expect(detailLines({ address: "::1", fields: ["a", "b"], count: 3 })).toEqual([["address", "::1"], ["fields", "a, b"], ["count", "3"]]);
  });
});
