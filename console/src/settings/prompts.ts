/** Prompt templates as the pages show them: names with their versions, forms, lines of a difference. */

import type { Prompt, PromptText } from "@/api/settingsTypes";
import { lines, pairLines, pairs } from "./lines";

export interface Named {
  name: string;
  active: Prompt | null;
  versions: Prompt[];
}

/** Templates by name; the newest version first. */
export function byName(prompts: Prompt[]): Named[] {
  const found = new Map<string, Prompt[]>();
  for (const prompt of prompts) found.set(prompt.name, [...(found.get(prompt.name) ?? []), prompt]);
  return [...found].map(([name, versions]) => ({
    name,
    versions: versions.sort((a, b) => b.version - a.version),
    active: versions.find((one) => one.active) ?? null,
  })).sort((a, b) => a.name.localeCompare(b.name));
}

export interface PromptForm {
  name: string;
  system_prompt: string;
  temperature: number | null;
  max_tokens: number | null;
  variables: string;
  examples: string;
  tools: string[];
  model: string;
}

/** Examples as people write them: question, answer, a blank line between two. */
export function exampleText(examples: PromptText["examples"]): string {
  return examples.map((one) => `${one.question}\n${one.answer}`).join("\n\n");
}

export function examplesOf(text: string): PromptText["examples"] {
  return text.split(/\n\s*\n/).map((block) => lines(block)).filter((block) => block.length > 0)
    .map(([question = "", ...answer]) => ({ question, answer: answer.join("\n") }));
}

export function formOf(prompt: PromptText | null): PromptForm {
  return {
    name: prompt?.name ?? "default", system_prompt: prompt?.system_prompt ?? "", temperature: prompt?.temperature ?? 0.3,
    max_tokens: prompt?.max_tokens ?? 500, variables: pairLines(prompt?.variables ?? {}),
    examples: exampleText(prompt?.examples ?? []), tools: [...(prompt?.tools ?? [])], model: prompt?.model ?? "",
  };
}

export function textOf(form: PromptForm): PromptText {
  return {
    name: form.name.trim(), system_prompt: form.system_prompt.trimEnd(), temperature: form.temperature ?? 0.3,
    max_tokens: form.max_tokens ?? 500, variables: pairs(form.variables), examples: examplesOf(form.examples),
    tools: form.tools, model: form.model,
  };
}

export type DiffLine = { kind: "same" | "before" | "after" | "field"; text: string };

/** The server's lines: `  -` before, `  +` after, three blanks both, anything else names a field. */
export function diffLines(found: string[]): DiffLine[] {
  return found.map((line) => {
    if (line.startsWith("  -")) return { kind: "before", text: line.slice(3) };
    if (line.startsWith("  +")) return { kind: "after", text: line.slice(3) };
    if (line.startsWith("   ")) return { kind: "same", text: line.slice(3) };
    return { kind: "field", text: line };
  });
}
