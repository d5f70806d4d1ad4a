/** Why the bot answered as it did, as sentences. */

import type { MessageView, TraceStep } from "@widget/wire";
import { lang, t, type Key } from "@/i18n";

const STEPS: Record<string, Key> = {
  flow: "trace.flow", rules: "trace.rules", cache: "trace.cache", knowledge: "trace.knowledge",
  model: "trace.model", fallback: "trace.fallback", human: "trace.human", tool: "trace.tool",
  followup: "trace.followup", guard: "trace.guard", job: "trace.job", embeddings: "trace.embeddings",
};
const OUTCOMES: Record<TraceStep["outcome"], Key> = {
  hit: "trace.hit", miss: "trace.miss", low: "trace.low", skipped: "trace.skipped", error: "trace.error",
};

export function percent(score: number): string {
  return new Intl.NumberFormat(lang.value, { style: "percent", maximumFractionDigits: 0 }).format(score);
}

export function took(us: number): string {
  return new Intl.NumberFormat(lang.value, {
    style: "unit", unit: us < 1000 ? "microsecond" : "millisecond", unitDisplay: "short",
    maximumFractionDigits: us < 10_000 ? 1 : 0,
  }).format(us < 1000 ? us : us / 1000).replace(" ", "\u00a0"); // a number keeps its unit
}

/** `Matched the article "Returns" with 93 %, 4 ms`. */
export function sentence(message: Pick<MessageView, "source" | "trace">): string {
  const { source, trace = [] } = message;
  const hit = trace.find((step) => step.outcome === "hit");
  const score = source?.score || hit?.score || 0;
  const title = source?.title || source?.key || "";
  const total = trace.reduce((sum, step) => sum + (step.took_us ?? 0), 0);
  const parts: string[] = [];
  if (source?.kind === "article") parts.push(t("trace.byArticle", { title }));
  else if (source?.kind === "rule") parts.push(t("trace.byRule", { title }));
  else if (source?.kind === "model") {
    parts.push(source.cites?.length ? t("trace.byModelFrom", { title: source.cites.join(t("trace.comma")) }) : t("trace.byModel"));
  } else if (source?.kind === "tool" || source?.kind === "flow") parts.push(t("trace.byFlow", { title }));
  else if (source?.kind === "holding") parts.push(t("trace.byHolding"));
  else parts.push(t("trace.byFallback"));
  if (score > 0 && score < 1) parts.push(t("trace.score", { score: percent(score) }));
  if (hit?.step === "cache") parts.push(t("trace.fromCache"));
  if (total > 0) parts.push(t("trace.took", { took: took(total) }));
  return parts.join(t("trace.comma"));
}

export function stepName(step: TraceStep): string {
  const key = STEPS[step.step];
  return key ? t(key) : step.step;
}

export function outcomeName(step: TraceStep): string {
  const key = OUTCOMES[step.outcome];
  return key ? t(key) : step.outcome;
}
