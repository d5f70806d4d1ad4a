import { describe, expect, it, vi } from "vitest";

vi.mock("@/i18n", () => ({ lang: { value: "en" } }));
const { ApiError } = await import("@/api/client");
const { plain, textOf, theirs, typed } = await import("./attributes");

describe("attributes one by one", () => {
  it("leave out what has a place of its own or cannot be written in a line", () => {
    expect(plain({ level: "VIP", orders: 12, page: { url: "x" }, remark: "r", gone: null, vip: false })).toEqual([["level", "VIP"], ["orders", 12], ["vip", false]]);
    expect([textOf(null), textOf(undefined), textOf(false), textOf(0)]).toEqual(["", "", "false", "0"]);
  });

  it("keep the kind of what stood there", () => {
    expect([typed(" 13 ", 12), typed("many", 12), typed("false", true), typed("13", "12"), typed("  ", 12)]).toEqual([13, "many", false, "13", null]);
  });

  it("know what a colleague has made of one", () => {
    const refusal = (details: Record<string, unknown>, code = "conflict"): Error => new ApiError({ code, message: "", retry: "never", details }, 409);
    expect(theirs(refusal({ attributes: { level: "SVIP" } }), "level")).toEqual({ value: "SVIP" });
    expect(theirs(refusal({ attributes: { level: null } }), "level")).toEqual({ value: null });
    expect(theirs(refusal({ attributes: {} }), "level")).toBeUndefined();
    expect(theirs(refusal({}, "forbidden"), "level")).toBeUndefined();
    expect(theirs(new Error("x"), "level")).toBeUndefined();
  });
});
