/** Regression cases between the form and the API. */

import type { Case, CaseBody, Checks } from "@/api/settingsTypes";
import { lines } from "./lines";

export interface CaseForm {
  text: string;
  lang: string;
  /** key: this article or rule must answer; none: nothing may; any: whatever answers. */
  wish: "key" | "none" | "any";
  key: string;
  contains: string;
  not_contains: string;
  handoff: boolean;
  model: boolean;
  max_items: number | null;
  max_chars: number | null;
  forbidden: string;
  must: string;
  ends: boolean;
}

export function caseForm(item: Case | null): CaseForm {
  const body = item?.body ?? {};
  const checks = body.checks ?? {};
  return {
    text: item?.text ?? "", lang: item?.lang ?? "",
    wish: !item || typeof body.expect === "string" ? "key" : body.expect === null ? "none" : "any",
    key: body.expect ?? "", contains: (body.contains ?? []).join("\n"), not_contains: (body.not_contains ?? []).join("\n"),
    handoff: body.action === "handoff", model: !!body.checks, max_items: checks.max_items ?? null, max_chars: checks.max_chars ?? null,
    forbidden: (checks.forbidden ?? []).join("\n"), must: (checks.must_contain ?? []).join("\n"), ends: checks.ends_with_question ?? false,
  };
}

/** Checks that the form does not show are kept as they are. */
export function bodyOf(form: CaseForm, before: CaseBody): CaseBody {
  const { max_items: _a, max_chars: _b, forbidden: _c, must_contain: _d, ends_with_question: asks, ...rest } = before.checks ?? {};
  const checks: Checks = {
    ...rest,
    ...(form.max_items ? { max_items: form.max_items } : {}), ...(form.max_chars ? { max_chars: form.max_chars } : {}),
    ...(lines(form.forbidden).length ? { forbidden: lines(form.forbidden) } : {}),
    ...(lines(form.must).length ? { must_contain: lines(form.must) } : {}),
    ...(form.ends ? { ends_with_question: true } : asks === false ? { ends_with_question: false } : {}),
  };
  return {
    ...(form.wish === "key" ? { expect: form.key.trim() } : form.wish === "none" ? { expect: null } : {}),
    ...(form.handoff ? { action: "handoff" } : {}),
    ...(lines(form.contains).length ? { contains: lines(form.contains) } : {}),
    ...(lines(form.not_contains).length ? { not_contains: lines(form.not_contains) } : {}),
    ...(form.model ? { checks } : {}),
  };
}
