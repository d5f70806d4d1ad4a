import { describe, expect, it } from "vitest";
import { hostOf, MOST_PAGES, nameOfPage, went } from "./visit";

const page = (n: number): { url: string; at: string } => ({ url: `https://shop.example/${n}`, at: `2026-01-01T00:00:${String(n).padStart(2, "0")}Z` });

describe("where a visitor goes", () => {
  it("stands newest first, once, and no longer than the server keeps it", () => {
    const began = went({ pages: [page(1)], device: {} }, { type: "visited", conversation: 1, pages: [page(1), page(2), page(3)], device: { browser: "Chrome 140" } });
    expect(began.pages.map((one) => one.url.at(-1))).toEqual(["3", "2", "1"]);
    expect(began.device.browser).toBe("Chrome 140");
    const many = went(began, { type: "visited", conversation: 1, pages: Array.from({ length: 30 }, (_, n) => page(10 + n)) });
    expect(many.pages).toHaveLength(MOST_PAGES);
    expect(many.pages[0]).toEqual(page(39));
    expect(many.device.browser).toBe("Chrome 140");
  });

  it("has words for a page without a title", () => {
    expect(nameOfPage({ url: "https://www.shop.example/", at: "" })).toBe("shop.example");
    expect(nameOfPage({ url: "https://shop.example/%E8%A3%99?id=1", at: "" })).toBe("/裙?id=1");
    expect(nameOfPage({ url: "https://shop.example/%E8", at: "" })).toBe("/%E8");
    expect(hostOf("nothing")).toBe("");
  });
});
