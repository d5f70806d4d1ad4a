import { describe, expect, it } from "vitest";
import { cardOf } from "./offer";

const HERE = "https://shop.example/p/linen?size=m";

describe("what a page says the visitor looks at", () => {
  it("is taken as text, with whole addresses", () => {
    expect(cardOf({ title: " Linen dress ", price: 369, url: "?id=7", image: "/i.png", ref: "S7", onclick: "x" }, HERE)).toEqual({
      kind: "product", title: "Linen dress", price: "369", url: "https://shop.example/p/linen?id=7", image: "https://shop.example/i.png", ref: "S7",
    });
  });

  it("is cut to what the desk takes, and never a script", () => {
    const card = cardOf({ kind: "order", title: "x".repeat(900), url: "javascript:alert(1)", image: "data:text/html,x",
      fields: [{ label: "To", value: "y".repeat(900) }, { label: " " }, ...Array.from({ length: 20 }, (_, i) => ({ label: String(i), value: "" }))] }, HERE);
    expect(card?.kind).toBe("order");
    expect(card?.title).toHaveLength(200);
    expect(card?.url).toBeUndefined();
    expect(card?.image).toBeUndefined();
    expect(card?.fields?.[0]?.value).toHaveLength(200);
    expect(card?.fields?.length).toBeLessThanOrEqual(8);
  });

  it("is nothing without a title", () => {
    for (const bad of [null, "text", {}, { title: "  " }, { title: {} }]) expect(cardOf(bad, HERE)).toBeNull();
  });
});
