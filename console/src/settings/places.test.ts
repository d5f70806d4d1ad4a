import { describe, expect, it, vi } from "vitest";

const reader = vi.hoisted(() => ({ lang: "en" as "en" | "zh" }));
vi.mock("@/i18n", async () => {
  const [{ en }, { zh }] = await Promise.all([import("@/i18n/en"), import("@/i18n/zh")]);
  return { t: (key: keyof typeof en) => (reader.lang === "zh" ? zh : en)[key] };
});

const { found, GROUPS } = await import("./places");
const places = (words: string, allowed = true): string[] => found(words, () => allowed).flatMap((group) => group.places.map((place) => place.to));

describe("the search over settings", () => {
  it("shows everything without words, each place once", () => {
    expect(places("")).toEqual(GROUPS.flatMap((group) => group.places.map((place) => place.to)));
    expect(new Set(places("")).size).toBe(places("").length);
  });

  it("finds by what stands on a page, in the language of the reader", () => {
    reader.lang = "en";
    expect(places("GREETING widget")).toEqual(["/inboxes"]);
    reader.lang = "zh";
    expect(places("欢迎语")).toEqual(["/inboxes"]);
    expect(places("没有这样的东西")).toEqual([]);
    reader.lang = "en";
  });

  it("does not show what a role may not use", () => {
    expect(places("", false)).toContain("/account");
    expect(places("", false)).not.toContain("/api-keys");
    expect(places("token", false)).toEqual([]);
  });
});
