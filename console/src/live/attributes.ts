/** Attributes that are changed one by one, beside colleagues who may do the same. */

import { ApiError } from "@/api/client";

export type Value = string | number | boolean | null;
export type Edits = Record<string, { was: Value; now: Value }>;

/** What people note about a contact (src/zhike/store/attributes.py). */
export const REMARK = "remark";
export const MOST_NAME = 64;
export const MOST_TEXT = 1000;
/** Have a place of their own. */
const ELSEWHERE = ["page", REMARK];

/** Those that are shown in a list: name and value. */
export function plain(all: Record<string, unknown>): [string, Value][] {
  return Object.entries(all).filter((one): one is [string, Value] => !ELSEWHERE.includes(one[0]) && one[1] !== null && typeof one[1] !== "object");
}

export const textOf = (value: unknown): string => (value === null || value === undefined ? "" : String(value));

/** What was typed, as the kind of value that stood there: a number stays one. Nothing: the attribute goes. */
export function typed(text: string, was: Value): Value {
  const trimmed = text.trim();
  if (!trimmed) return null;
  if (typeof was === "number" && Number.isFinite(Number(trimmed))) return Number(trimmed);
  if (typeof was === "boolean" && (trimmed === "true" || trimmed === "false")) return trimmed === "true";
  return trimmed;
}

/** What stands there now, where somebody else was first; undefined: this was something else. */
export function theirs(error: unknown, name: string): { value: Value } | undefined {
  if (!(error instanceof ApiError) || error.code !== "conflict") return undefined;
  const now = error.body.details?.["attributes"] as Record<string, Value> | undefined;
  return now && name in now ? { value: now[name] ?? null } : undefined;
}
