import { describe, expect, it, vi } from "vitest";
import type { Canned } from "@/api/types";

vi.mock("@/api", () => ({ api: {} }));
vi.mock("@/api/client", () => ({ unreachable: () => new Error("offline") }));
const { filled, matching } = await import("./canned");
const c = (shortcut: string, extra: Partial<Canned> = {}): Canned => ({
  id: 1, shortcut, folder: "", lang: "", text: "", own: false, team_id: null, enabled: true, created_at: "", updated_at: "", ...extra,
});
const all = [c("refund-late", { folder: "退款" }), c("refund", { lang: "en" }), c("refund", { lang: "zh" }), c("hello", { text: "About your refund" }), c("bye")];

describe("canned responses", () => {
  it("are found best first, in the visitor's language", () => {
    const found = matching(all, "REFUND", "zh").map((each) => `${each.shortcut}:${each.lang}`);
    expect(found).toEqual(["refund:zh", "refund:en", "refund-late:", "hello:"]);
    expect(matching(all, "退款", "zh").map((each) => each.shortcut)).toEqual(["refund-late"]);
    expect(matching(all, "", "zh")).toHaveLength(5);
    expect(matching(all, "nothing", "zh")).toEqual([]);
  });

  it("are filled in, and what nobody knows stays to be seen", () => {
    const by = { contact: { name: "小周" }, agent: { name: "林晓" }, inbox: { name: "松间里" }, conversation: { id: 42 } };
    expect(filled("{{contact.name}}您好，我是{{ agent.name }}（{{inbox.name}} #{{conversation.id}}）{{order.no}}", by))
      .toBe("小周您好，我是林晓（松间里 #42）{{order.no}}");
    expect(filled("{{contact.name}}!", { ...by, contact: { name: "{{agent.name}}" } })).toBe("{{agent.name}}!");
  });
});
