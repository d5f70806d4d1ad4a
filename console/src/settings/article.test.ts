import { describe, expect, it } from "vitest";
import { extrasForm, extrasOf, type Extras } from "./article";

const FULL: Extras = {
  buttons: [{ label: "Call me" }, { label: "Prices", text: "what does it cost" }, { label: "Site", url: "https://a.example/x=1" }],
  cards: [{ kind: "image", url: "/pictures/a.webp", title: "Size chart", text: "" }, { kind: "link", url: "https://a.example", title: "", text: "A line" }],
  inboxes: ["shop"], valid_from: "2026-11-11T00:00:07.000Z", valid_until: null,
};

describe("what an article has beside its words", () => {
  it("comes out of the form as it went in, the text of a link too", () => {
    expect(extrasOf(extrasForm(FULL), FULL)).toEqual(FULL);
  });

  it("has its times as the reader's clock shows them", () => {
    const form = { ...extrasForm(FULL), until: "2026-12-01T08:30" };
    expect(extrasOf(form, FULL).valid_until).toBe(new Date(2026, 11, 1, 8, 30).toISOString());
    expect(extrasForm({ valid_until: new Date(2026, 0, 2, 3, 4).toISOString() }).until).toBe("2026-01-02T03:04");
  });

  it("is nothing where nothing stands", () => {
    expect(extrasOf(extrasForm(null), null)).toEqual({ buttons: [], cards: [], inboxes: [], valid_from: null, valid_until: null });
  });

  it("tells what a button sends from what it opens", () => {
    const buttons = (text: string): unknown => extrasOf({ ...extrasForm(null), buttons: text }, null).buttons;
    expect(buttons("A\nB = b\nC = tel:123\nD =\nE = a = b")).toEqual([{ label: "A" }, { label: "B", text: "b" }, { label: "C", url: "tel:123" }, { label: "D" }, { label: "E", text: "a = b" }]);
  });
});
