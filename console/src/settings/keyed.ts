/** Tools and flows as text: what a person edits is the body, without what the server keeps itself. */

import type { KeyedPath } from "@/api/settings";
import type { Keyed } from "@/api/settingsTypes";

const KEPT = new Set(["id", "bot_id", "key", "enabled", "created_at", "updated_at"]);
/** What is left out where it says nothing, so that a text holds what its author wrote. */
const nothing = (value: unknown): boolean =>
  value === "" || value === null || value === false
  || (typeof value === "object" && value !== null && Object.keys(value).length === 0);

/** Deep, but never the items of a list themselves: their number means something. */
function lean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lean);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, lean(part)] as const).filter(([, part]) => !nothing(part)));
}

/** A `parameters` schema or a request's body may mean its empty values: they stay as they are. */
const VERBATIM = new Set(["parameters", "body"]);

export function bodyText(item: Keyed): string {
  const body: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(item)) {
    if (KEPT.has(name) || nothing(value)) continue;
    body[name] = VERBATIM.has(name) ? value : lean(value);
  }
  return JSON.stringify(body, null, 2);
}

export const STARTS: Record<KeyedPath, string> = {
  tools: JSON.stringify({
    title: "Stock", kind: "http", description: "Looks up how many of a product are left.",
    parameters: { type: "object", required: ["sku"], properties: { sku: { type: "string", description: "the product's number" } } },
    http: { url: "https://shop.example/api/stock/{sku}", secret_header: "Authorization", secret_prefix: "Bearer ", secret: "env:ZHIKE_TOOL_SHOP" },
    result: { zh: "", en: "There are {/left} left." },
  }, null, 2),
  flows: JSON.stringify({
    title: "Call back", starts: ["call me back"],
    steps: [
      { ask: "phone", pattern: "[0-9]{7,15}", prompt: { zh: "", en: "Your number, please." } },
      { say: { zh: "", en: "Thanks, we'll call {phone}." } },
      { handoff: { zh: "", en: "A colleague takes it from here." } },
    ],
  }, null, 2),
};

/** What PATCH gets: every field of the old body that the new text has dropped is emptied. */
export function changeOf(old: Keyed, body: Record<string, unknown>): Record<string, unknown> {
  const change = { ...body };
  for (const [name, value] of Object.entries(old)) {
    if (KEPT.has(name) || name in change || nothing(value)) continue;
    if (Array.isArray(value)) change[name] = [];
    else if (name === "http" || name === "proof") change[name] = null;
    else if (typeof value === "object") change[name] = {};
    else if (typeof value === "string" && name !== "kind" && name !== "audience") change[name] = "";
  }
  return change;
}
