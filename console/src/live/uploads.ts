/** Files on their way to the desk: chosen, pasted or dropped, uploaded at once, sent with a message later.
 *
 * They lie on a shelf of their conversation, one for replies and one for notes, so that going to another
 * chat neither stops nor mixes them. A message that is said before they are there waits for them, and what
 * is said after it waits for that message. */

import type { Attachment, ErrorBody } from "@widget/wire";
import { randomId } from "@widget/storage";
import { reactive, shallowReactive } from "vue";
import { ApiError } from "@/api/client";
import { uploadFile } from "@/api/upload";
import { t } from "@/i18n";
import type { DraftKind } from "@/lib/drafts";
import { me } from "@/lib/session";
import { sizeWords } from "@/lib/sizes";

/** As the server has it (`MAX_FILES`). */
export const MOST_FILES = 10;
/** More at once would only share the same line. */
const AT_ONCE = 2;
/** How often a busy server is asked again before a person is. */
const MOST_TRIES = 4;

export interface Upload {
  readonly key: string;
  readonly file: File;
  /** An address of the picture in this page, or "". */
  readonly preview: string;
  state: "waits" | "runs" | "done" | "failed";
  /** 0 to 1. */
  part: number;
  /** What the desk says against it. */
  error: ErrorBody | null;
  attachment: Attachment | null;
}

interface Work {
  conversation: number;
  stop: AbortController;
  tries: number;
  told: (() => void)[];
}

const shelves = new Map<string, Upload[]>();
const work = new WeakMap<Upload, Work>();
const queue: Upload[] = [];
let running = 0;

/** What lies ready to be sent with the next message of this kind. */
export function shelf(conversation: number, kind: DraftKind): Upload[] {
  const key = `${conversation}:${kind}`;
  let found = shelves.get(key);
  if (!found) shelves.set(key, (found = shallowReactive([])));
  return found;
}

/** Begins to upload files. What there is no room for is told by its number. */
export function add(conversation: number, kind: DraftKind, files: Iterable<File>): number {
  const on = shelf(conversation, kind);
  let over = 0;
  for (const file of files) {
    if (on.length >= MOST_FILES) {
      over++;
      continue;
    }
    const upload: Upload = reactive({
      key: randomId(), file, preview: file.type.startsWith("image/") ? URL.createObjectURL(file) : "",
      state: "waits" as const, part: 0, error: null, attachment: null,
    });
    on.push(upload);
    work.set(upload, { conversation, stop: new AbortController(), tries: 0, told: [] });
    refuseEarly(upload) || enqueue(upload);
  }
  return over;
}

/** Bytes that would be refused at the end of a long upload are not sent at all. */
function refuseEarly(upload: Upload): boolean {
  const most = me.value?.max_file_bytes ?? Infinity;
  const { size } = upload.file;
  if (size > 0 && size <= most) return false;
  const message = size ? t("files.tooLarge", { size: sizeWords(most) }) : t("files.empty");
  fail(upload, { code: size ? "file_too_large" : "file_refused", message, retry: "never" });
  return true;
}

function enqueue(upload: Upload): void {
  upload.state = "waits";
  upload.error = null;
  upload.part = 0;
  queue.push(upload);
  next();
}

function next(): void {
  while (running < AT_ONCE) {
    const upload = queue.shift();
    if (!upload) return;
    running++;
    void run(upload).finally(() => {
      running--;
      next();
    });
  }
}

async function run(upload: Upload): Promise<void> {
  const mine = work.get(upload);
  if (!mine || mine.stop.signal.aborted) return;
  upload.state = "runs";
  try {
    upload.attachment = await uploadFile(mine.conversation, upload.file, mine.stop.signal, (part) => (upload.part = part));
    upload.state = "done";
    upload.part = 1;
    tell(upload);
  } catch (error) {
    if (mine.stop.signal.aborted) return;
    const body = told(error);
    if (body.retry !== "never" && body.code !== "offline" && ++mine.tries < MOST_TRIES) {
      setTimeout(() => mine.stop.signal.aborted || enqueue(upload), (body.retry_after_s ?? mine.tries) * 1000);
      upload.state = "waits";
    } else fail(upload, body);
  }
}

function told(error: unknown): ErrorBody {
  const body = error instanceof ApiError ? error.body : { code: "offline", message: "", retry: "later" as const };
  return { ...body, message: body.code === "offline" ? t("error.offline") : [body.message, body.help].filter(Boolean).join(" ") };
}

function fail(upload: Upload, error: ErrorBody): void {
  upload.state = "failed";
  upload.error = error;
  tell(upload);
}

function tell(upload: Upload): void {
  const mine = work.get(upload);
  for (const each of mine?.told.splice(0) ?? []) each();
}

export function again(upload: Upload): void {
  const mine = work.get(upload);
  if (!mine || upload.state !== "failed") return;
  mine.tries = 0;
  refuseEarly(upload) || enqueue(upload);
}

/** Stops it and takes it away. What was uploaded already is forgotten by the desk after a day. */
export function drop(upload: Upload): void {
  work.get(upload)?.stop.abort();
  for (const on of shelves.values()) {
    const at = on.indexOf(upload);
    if (at >= 0) on.splice(at, 1);
  }
  release(upload);
}

function release(upload: Upload): void {
  if (upload.preview) URL.revokeObjectURL(upload.preview);
}

/** Empties the shelf into a message. */
export function take(conversation: number, kind: DraftKind): Upload[] {
  const on = shelf(conversation, kind);
  return on.splice(0, on.length);
}

/** Waits until each is there or has failed. Undefined: all are there. */
export async function settled(uploads: readonly Upload[]): Promise<ErrorBody | undefined> {
  for (const upload of uploads) {
    while (upload.state === "waits" || upload.state === "runs") {
      await new Promise<void>((resolve) => work.get(upload)?.told.push(resolve));
    }
  }
  const bad = uploads.find((upload) => upload.state === "failed");
  return bad?.error ? { ...bad.error, message: `${bad.file.name}: ${bad.error.message}` } : undefined;
}

/** Their message is stored or thrown away. */
export function done(uploads: readonly Upload[]): void {
  for (const upload of uploads) {
    work.get(upload)?.stop.abort();
    release(upload);
  }
}

export function forgetUploads(): void {
  for (const on of shelves.values()) done(on.splice(0, on.length));
  shelves.clear();
  queue.length = 0;
}
