import type { MessageView } from "@widget/wire";
import { describe, expect, it } from "vitest";
import { articleOf, prefillArticle, takeArticleStart } from "./article";

const m = (seq: number, sender: MessageView["sender"], text: string, extra: Partial<MessageView> = {}): MessageView => ({
  conversation: 1, seq, sender, text, at: "", direction: sender === "contact" ? "incoming" : "outgoing", ...extra,
});
const talk = [
  m(1, "contact", "hi"), m(2, "bot", "Hello!"), m(3, "contact", "is the cardigan"), m(4, "contact", "machine washable?"),
  m(5, "system", "Ann has joined"), m(6, "agent", "asked Ann", { direction: "note" }), m(7, "agent", "Yes, at 30 °C."), m(8, "agent", "Wool programme."),
];

describe("an article out of a conversation", () => {
  it("has what the visitor wrote since the last answer, without notes and events", () => {
    expect(articleOf(talk, 7, "en")).toEqual({ question: "is the cardigan machine washable?", answer: "Yes, at 30 °C.", lang: "en" });
    expect(articleOf(talk, 8, "zh-CN")?.question).toBe("is the cardigan machine washable?");
  });

  it("has the questions that an answer of the bot names", () => {
    expect(articleOf([...talk, m(9, "bot", "I do not know", { answers: [4] })], 9, "en")?.question).toBe("machine washable?");
  });

  it("is handed to the editor once", () => {
    expect(prefillArticle(talk, 99, "en")).toBe(false);
    expect(prefillArticle(talk, 7, "en")).toBe(true);
    expect(takeArticleStart()?.answer).toBe("Yes, at 30 °C.");
    expect(takeArticleStart()).toBeNull();
  });
});
