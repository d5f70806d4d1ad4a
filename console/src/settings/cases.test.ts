import { describe, expect, it } from "vitest";
import type { Case, CaseBody } from "@/api/settingsTypes";
import { bodyOf, caseForm } from "./cases";

const item = (body: CaseBody): Case => ({ id: 1, bot_id: 1, text: "x", lang: "zh", body, created_at: "", updated_at: "" });
const again = (body: CaseBody): CaseBody => bodyOf(caseForm(item(body)), body);

describe("a regression case in its form", () => {
  it("comes out as it went in, whatever it expects", () => {
    const bodies: CaseBody[] = [
      { expect: "returns" }, { expect: null }, {}, { expect: "returns", action: "handoff", contains: ["7", "days"], not_contains: ["no"] },
      { checks: { max_items: 3, forbidden: ["sorry"], must_contain: ["a"], ends_with_question: true } },
      { checks: { ends_with_question: false, judge: "Is it polite?", matches: ["a+"], language: "en" } }, { checks: {} },
    ];
    for (const body of bodies) expect(again(body)).toEqual(body);
  });

  it("drops checks when no model is to be asked", () => {
    expect(bodyOf({ ...caseForm(item({ checks: { max_items: 3 } })), model: false }, { checks: { max_items: 3 } })).toEqual({});
  });
});
