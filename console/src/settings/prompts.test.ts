import { describe, expect, it } from "vitest";
import type { Prompt } from "@/api/settingsTypes";
import { pairLines, pairs } from "./lines";
import { byName, diffLines, examplesOf, exampleText, formOf, textOf } from "./prompts";

const prompt = (id: number, name: string, version: number, active = false): Prompt => ({
  id, bot_id: 1, name, version, active, system_prompt: "x", temperature: 0.3, max_tokens: 500, variables: {}, examples: [],
  tools: [], model: "", note: "", created_by: "", created_at: "",
});

describe("prompt templates", () => {
  it("stand by name, newest version first, whatever order they came in", () => {
    const found = byName([prompt(1, "b", 1), prompt(3, "b", 3), prompt(2, "b", 2, true), prompt(4, "a", 1, true)]);
    expect(found.map((one) => [one.name, one.active?.version, one.versions.map((v) => v.version)]))
      .toEqual([["a", 1, [1]], ["b", 2, [3, 2, 1]]]);
  });

  it("come out of the form as they went in", () => {
    const text = {
      name: "support", system_prompt: "You are {shop}.\n\nBe brief.", temperature: 0, max_tokens: 200,
      variables: { city: "Suzhou", rule: "a = b" }, examples: [{ question: "hi", answer: "Hello.\nHow can I help?" }],
      tools: ["order"], model: "qwen",
    };
    expect(textOf(formOf(text))).toEqual(text);
  });

  it("keep examples apart by an empty line", () => {
    expect(examplesOf("a\nb\n\n  \nc\nd\ne")).toEqual([{ question: "a", answer: "b" }, { question: "c", answer: "d\ne" }]);
    expect(examplesOf(exampleText([]))).toEqual([]);
    expect(examplesOf("only a question")).toEqual([{ question: "only a question", answer: "" }]);
  });

  it("tell before from after", () => {
    expect(diffLines(["system_prompt", "   same", "  -old", "  +new"]).map((line) => [line.kind, line.text]))
      .toEqual([["field", "system_prompt"], ["same", "same"], ["before", "old"], ["after", "new"]]);
  });
});

describe("lines of names and values", () => {
  it("cut at the first =", () => {
    expect(pairs("a = 1\nb=x = y\n\n c ")).toEqual({ a: "1", b: "x = y", c: "" });
    expect(pairs(pairLines({ a: "1", b: "x = y" }))).toEqual({ a: "1", b: "x = y" });
  });
});
