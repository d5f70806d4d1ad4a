import { describe, expect, it } from "vitest";
import { botForm, botSettings } from "./bots";

const FULL = {
  fallback: { zh: "不知道", en: "I don't know" }, handoff: { zh: "转人工" }, holding: { en: "One moment" }, answer_threshold: 0.62,
  suggest_threshold: 0.3, fragment_wait_s: 1.5, models: ["qwen", "local"], tools: ["order"], template: "support",
  forbidden: ["a", "b"], out_of_scope: ["weather"], synonyms: [["refund", "money back"], ["kettle", "pot", "jug"]],
};

describe("a bot's settings in their form", () => {
  it("come out as they went in", () => {
    expect(botSettings(botForm("Bot", FULL))).toEqual(FULL);
  });

  it("are removed where nothing stands, so that the defaults hold", () => {
    expect(new Set(Object.values(botSettings(botForm("Bot", {}))))).toEqual(new Set([null]));
    expect(botSettings({ ...botForm("Bot", FULL), wait: 0 }).fragment_wait_s).toBe(0);
  });
});
