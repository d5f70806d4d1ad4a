/** Uploads: the one call that tells how far it is, which `fetch` cannot. */

import type { Attachment, ErrorBody } from "@widget/wire";
import { lang } from "@/i18n";
import { ApiError, csrfToken } from "./client";

/** Without any news for so long the line is dead. */
const SILENT_MS = 30_000;

export function uploadFile(conversation: number, file: File, stop: AbortSignal, heard: (part: number) => void): Promise<Attachment> {
  return upload<Attachment>(`conversations/${conversation}/files`, file, stop, heard);
}

/** Sends a file as it is; the answer is what the address gives. Throws {@link ApiError}. */
export function upload<T>(path: string, file: File, stop: AbortSignal, heard: (part: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const broken = (): void => {
      clearTimeout(timer);
      reject(new ApiError({ code: "offline", message: "", retry: "later" }, 0));
    };
    const alive = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), SILENT_MS);
    };
    request.open("POST", `/api/v1/${path}?name=${encodeURIComponent(nameOf(file))}`);
    request.responseType = "json";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept-Language", lang.value);
    request.setRequestHeader("X-CSRF-Token", csrfToken());
    request.upload.onprogress = (event) => {
      alive();
      if (event.lengthComputable) heard(event.loaded / event.total);
    };
    request.onload = () => {
      clearTimeout(timer);
      const said = request.response as (T & { error?: ErrorBody }) | null;
      if (request.status < 300 && said) resolve(said);
      else reject(new ApiError(said?.error ?? { code: "internal", message: `HTTP ${request.status}`, retry: "later" }, request.status));
    };
    request.onerror = request.onabort = broken;
    stop.addEventListener("abort", () => request.abort(), { once: true });
    alive();
    request.send(file);
  });
}

/** What is pasted has no name worth keeping ("image.png" for every screenshot), but some name it needs. */
function nameOf(file: File): string {
  return file.name.slice(0, 300) || "file";
}
