import { describe, expect, it } from "vitest";
import type { Keyed } from "@/api/settingsTypes";
import { bodyText, changeOf, STARTS } from "./keyed";

const tool: Keyed = {
  id: 3, bot_id: 1, key: "stock", enabled: true, created_at: "x", updated_at: "x", kind: "http", description: "Looks up.", title: "",
  parameters: { type: "object", required: [], properties: { a: { type: "string", default: "" } } }, inject: {}, python: "",
  http: { url: "https://a.example/{a}", method: "GET", headers: {}, body: null, secret: "" }, result: { zh: "", en: "" }, timeout_s: 5,
};

describe("the text of a tool", () => {
  it("holds the body, without what is empty and what the server keeps", () => {
    expect(JSON.parse(bodyText(tool))).toEqual({
      kind: "http", description: "Looks up.", timeout_s: 5, http: { url: "https://a.example/{a}", method: "GET" },
      parameters: { type: "object", required: [], properties: { a: { type: "string", default: "" } } },
      result: {},
    });
  });

  it("empties what was taken out of it, each as its kind of value is empty", () => {
    expect(changeOf({ ...tool, title: "Stock", starts: ["a"] }, { kind: "http", description: "New." })).toEqual({
      kind: "http", description: "New.", title: "", starts: [], parameters: {}, http: null, result: {},
    });
  });

  it("begins with an example that is JSON", () => {
    for (const text of Object.values(STARTS)) expect(() => JSON.parse(text) as unknown).not.toThrow();
  });
});
