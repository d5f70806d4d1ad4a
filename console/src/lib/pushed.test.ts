import { describe, expect, it, vi } from "vitest";
import { follow, isSeen, pageFor, placeOf, shownOf, type Page } from "./pushed";

const page = (url: string, focused = false, visibilityState = "hidden"): Page => ({
  url: `https://desk.example${url}`, focused, visibilityState, focus: vi.fn(async () => undefined), postMessage: vi.fn(),
});

describe("what is pushed", () => {
  it("is shown as it came, and leads nowhere but into the console", () => {
    const came = { title: "A visitor is waiting", body: "Zhang", tag: "zhike-42", url: "/console/conversations/42" };
    expect(shownOf(came)).toEqual(came);
    for (const url of ["https://evil.example/", "//evil.example", "/consoles", "javascript:alert(1)", 7, undefined]) {
      expect(shownOf({ ...came, url }).url).toBe("/console");
    }
    for (const nothing of [null, undefined, "text", 7, {}]) {
      expect(shownOf(nothing)).toEqual({ title: "zhike", body: "", tag: "zhike", url: "/console" });
    }
  });

  it("is not shown to whoever looks at the console, but for a test and for trouble", () => {
    const shown = shownOf({ tag: "zhike-42" });
    expect(isSeen(shown, [])).toBe(false);
    expect(isSeen(shown, [page("/console/account"), page("/console/", false, "visible")])).toBe(false);
    expect(isSeen(shown, [page("/console/account"), page("/console/", true)])).toBe(true);
    expect(isSeen(shown, [page("/console/"), page("/sample/", true)])).toBe(false);
    expect(isSeen(shownOf({ tag: "zhike-test" }), [page("/console/", true)])).toBe(false);
    expect(isSeen(shownOf({ tag: "zhike-trouble" }), [page("/console/", true)])).toBe(false);
  });
});

describe("a click", () => {
  it("goes to the page looked at last, and never to one that is not the console", () => {
    const [shop, hidden, visible, focused] = [
      page("/sample/", true), page("/console/a"), page("/console/b", false, "visible"), page("/console/c", true)];
    expect(pageFor([shop!, hidden!, visible!, focused!])).toBe(focused);
    expect(pageFor([shop!, hidden!, visible!])).toBe(visible);
    expect(pageFor([shop!, hidden!])).toBe(hidden);
    expect(pageFor([shop!])).toBeUndefined();
  });

  it("tells an open page where to go and brings it to the front", async () => {
    const open = vi.fn(async () => undefined);
    const here = page("/console/account");
    await follow("/console/conversations/42", [here], open);
    expect(here.postMessage).toHaveBeenCalledWith({ type: "zhike-open", url: "/console/conversations/42" });
    expect(here.focus).toHaveBeenCalled();
    expect(open).not.toHaveBeenCalled();
    await follow("/console/conversations/42", [], open);
    expect(open).toHaveBeenCalledWith("/console/conversations/42");
  });

  it("leads the router within the console only", () => {
    expect(placeOf({ type: "zhike-open", url: "/console/conversations/42" })).toBe("/conversations/42");
    for (const other of [null, 7, {}, { type: "zhike-open" }, { type: "zhike-open", url: "https://x/" }, { type: "other", url: "/console/x" }]) {
      expect(placeOf(other)).toBeNull();
    }
  });
});
