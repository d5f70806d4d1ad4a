/** Which field a refusal is about. The server names it by its path, such as `settings.origins[1]`. */

import { ApiError } from "@/api/client";

/** The path of the field at fault; "" where the refusal is about the whole. */
export function faultPath(error: unknown): string {
  return error instanceof ApiError ? (error.body.field ?? "") : "";
}

/** Whether a path is this field or a part of it. */
export function covers(field: string, path: string): boolean {
  return path === field || (path.startsWith(field) && /^[.[]/.test(path.slice(field.length)));
}

/** What stands beside the field: without the general first sentence, which says only that one is wrong. */
export function faultText(error: unknown): string {
  if (!(error instanceof ApiError)) return "";
  const { code, message } = error.body;
  const rest = code === "invalid_field" ? message.replace(/^[^.\u3002]*[.\u3002]\s*/, "") : message;
  return rest || message;
}
