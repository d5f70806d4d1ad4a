import { describe, expect, it } from "vitest";
import type { Inbox } from "@/api/types";
import { DAYS, inboxForm, settingsOf, TABS, tabOf } from "./inbox";

const FULL = {
  origins: ["https://a.example", "*"], greeting: { zh: "您好", en: "Hello" }, suggestions: { zh: ["退货", "发票"] }, typing_preview: true, pages: { keep: ["id", "sku"] }, team_id: 3,
  hours: { timezone: "Asia/Shanghai", week: { mon: [["09:00", "12:00"], ["13:30", "24:00"]], sat: [["22:00", "02:00"]] }, holidays: "cn", closed: ["2026-12-31"], open: ["2026-10-10"] },
  out_of_office: { zh: "下班了" }, offline_form: { enabled: true, fields: ["name", "email"] }, csat: { enabled: true, question: { en: "How was it?" } },
  wrap_ups: ["Refund", "Delivery"], auto_resolve_after_s: 5400,
  reach: { email: true, wait_s: 90, page: "https://a.example/help", sms_url: "https://a.example/sms" },
};
const inbox = (settings: Record<string, unknown>, channel = "web"): Inbox => ({
  id: 1, key: "shop", name: "Shop", channel, bot_id: 2, settings, has_identity_secret: false, snippet: "", created_at: "", updated_at: "",
});

describe("an inbox in its form", () => {
  it("comes out as it went in", () => {
    expect(settingsOf(inboxForm(inbox(FULL), 0))).toEqual(FULL);
  });

  it("removes what was emptied and invents nothing for one without settings", () => {
    const empty = settingsOf(inboxForm(inbox({}), 0));
    expect(Object.values(empty).every((value) => value === null)).toBe(true);
    expect(Object.keys(empty).sort()).toEqual(Object.keys(FULL).sort());
  });

  it("writes midnight at the end of a day as the server does", () => {
    const week = (spans: [string, string][]): unknown => (settingsOf(inboxForm(inbox({ hours: { timezone: "UTC", week: { mon: spans } } }), 0)).hours as { week: unknown }).week;
    expect(week([["00:00", "24:00"]])).toEqual({ mon: [["00:00", "24:00"]] });
    expect(week([["18:00", "24:00"]])).toEqual({ mon: [["18:00", "24:00"]] });
  });

  it("begins a new inbox with the bot at hand, and its hours with a usual week, switched off", () => {
    const form = inboxForm(null, 7);
    expect(form.bot_id).toBe(7);
    expect(form.hours.enabled).toBe(false);
    expect(DAYS.map((day) => form.hours.week[day].length)).toEqual([1, 1, 1, 1, 1, 0, 0]);
  });

  it("sends the callback address only for the channel that has one", () => {
    expect("callback_url" in settingsOf(inboxForm(inbox(FULL), 0))).toBe(false);
    expect(settingsOf(inboxForm(inbox({ callback_url: "https://a.example/x" }, "api"), 0)).callback_url).toBe("https://a.example/x");
  });
});

describe("a refused setting", () => {
  it("is on a tab", () => {
    for (const name of Object.keys(FULL)) expect(TABS).toContain(tabOf(`settings.${name}[0]`));
    expect(tabOf("settings.hours.week.mon")).toBe("hours");
    expect(tabOf("nothing")).toBeNull();
  });
});
