import { describe, expect, it } from "vitest";
import { argumentsOf, firstValue, schemaFields } from "./schemaform";

const SCHEMA = {
  type: "object",
  required: ["sku"],
  properties: {
    sku: { type: "string", title: "Number", description: "the product's number", examples: ["SJ-101"] },
    count: { type: "integer", default: 2 },
    gift: { type: "boolean" },
    size: { enum: ["S", "M"], type: "string" },
    level: { enum: [1, 2], type: "integer" },
    lines: { type: "array", items: { type: "string" } },
  },
};

describe("a form from a schema", () => {
  it("has a field for each argument, with what its author says of it", () => {
    const fields = schemaFields(SCHEMA);
    expect(fields.map((one) => [one.name, one.kind])).toEqual([["sku", "text"], ["count", "number"], ["gift", "switch"], ["size", "choice"], ["level", "choice"], ["lines", "json"]]);
    expect(fields[0]).toMatchObject({ label: "Number (sku)", hint: "the product's number", required: true });
    expect(fields.map((one) => firstValue(SCHEMA, one))).toEqual(["SJ-101", 2, false, null, null, ""]);
  });

  it("gives what was filled in, in its own type, and nothing for what was not", () => {
    const fields = schemaFields(SCHEMA);
    expect(argumentsOf(SCHEMA, fields, { sku: " ", gift: false })).toEqual({ given: {}, wrong: [] });
    expect(argumentsOf(SCHEMA, fields, { sku: "A", count: 0, gift: true, size: "M", level: "2", lines: '["a"]' })).toEqual({
      given: { sku: "A", count: 0, gift: true, size: "M", level: 2, lines: ["a"] }, wrong: [],
    });
    expect(argumentsOf(SCHEMA, fields, { lines: "a, b" })).toEqual({ given: {}, wrong: ["lines"] });
  });

  it("is empty where there is no schema, or none that can be read", () => {
    for (const schema of [undefined, null, 5, {}, { properties: [] }]) expect(schemaFields(schema)).toEqual([]);
    expect(schemaFields({ properties: { a: null } })).toMatchObject([{ name: "a", kind: "text" }]);
  });
});
