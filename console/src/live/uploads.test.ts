import type { Attachment } from "@widget/wire";
import { beforeEach, describe, expect, it, vi } from "vitest";

vi.mock("@/i18n", () => ({ t: (key: string) => key, lang: { value: "en" } }));
vi.mock("@/lib/session", () => ({ me: { value: { max_file_bytes: 100 } } }));
interface Begun { file: File; heard: (part: number) => void; stop: AbortSignal; ok: (a: Attachment) => void; bad: (e: unknown) => void }
const begun: Begun[] = [];
vi.mock("@/api/upload", () => ({
  uploadFile: (_id: number, file: File, stop: AbortSignal, heard: (part: number) => void) =>
    new Promise<Attachment>((ok, bad) => begun.push({ file, heard, stop, ok, bad })),
}));
const { ApiError } = await import("@/api/client");
const { MOST_FILES, add, again, drop, forgetUploads, settled, shelf, take } = await import("./uploads");

const file = (name: string, size = 3): File => new File([new Uint8Array(size)], name, { type: "application/pdf" });
const got = (id: number): Attachment => ({ id, name: `${id}.pdf`, type: "application/pdf", kind: "document", size_bytes: 3 });
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  for (const each of begun.splice(0)) each.bad(new DOMException("", "AbortError"));
  forgetUploads();
});

describe("files on their way", () => {
  it("go up two at a time and keep the order in which they were chosen", async () => {
    add(7, "reply", [file("a"), file("b"), file("c")]);
    expect(begun.map((each) => each.file.name)).toEqual(["a", "b"]);
    begun[1]?.ok(got(2));
    await turn();
    expect(begun.map((each) => each.file.name)).toEqual(["a", "b", "c"]);
    begun[2]?.ok(got(3));
    begun[0]?.heard(0.5);
    expect(shelf(7, "reply")[0]?.part).toBe(0.5);
    begun[0]?.ok(got(1));
    expect(await settled(shelf(7, "reply"))).toBeUndefined();
    expect(take(7, "reply").map((each) => each.attachment?.id)).toEqual([1, 2, 3]);
    expect(shelf(7, "reply")).toHaveLength(0);
  });

  it("lie on the shelf of their own conversation and kind", () => {
    add(7, "note", [file("a")]);
    add(8, "reply", [file("b")]);
    expect(shelf(7, "reply")).toHaveLength(0);
    expect(shelf(7, "note")).toHaveLength(1);
    expect(shelf(8, "reply")).toHaveLength(1);
  });

  it("are counted: what does not fit is told", () => {
    expect(add(7, "reply", Array.from({ length: MOST_FILES + 2 }, (_, i) => file(String(i))))).toBe(2);
    expect(shelf(7, "reply")).toHaveLength(MOST_FILES);
  });

  it("are refused before their bytes travel, when they are too large or empty", async () => {
    add(7, "reply", [file("large", 101), file("empty", 0)]);
    expect(begun).toHaveLength(0);
    expect(shelf(7, "reply").map((each) => each.error?.message)).toEqual(["files.tooLarge", "files.empty"]);
    expect((await settled(shelf(7, "reply")))?.message).toBe("large: files.tooLarge");
  });

  it("are tried again by hand after a break, and not after a refusal by kind", async () => {
    add(7, "reply", [file("a")]);
    begun[0]?.bad(new ApiError({ code: "offline", message: "", retry: "later" }, 0));
    await turn();
    const [one] = shelf(7, "reply");
    expect(one?.state).toBe("failed");
    again(one!);
    expect(begun).toHaveLength(2);
    begun[1]?.bad(new ApiError({ code: "file_refused", message: "no such kind", retry: "never" }, 415));
    await turn();
    expect(one?.error).toMatchObject({ code: "file_refused", message: "no such kind", retry: "never" });
  });

  it("stop when they are taken away", async () => {
    add(7, "reply", [file("a"), file("b"), file("c")]);
    const [, , c] = shelf(7, "reply");
    drop(c!);
    const [a] = shelf(7, "reply");
    drop(a!);
    expect(begun[0]?.stop.aborted).toBe(true);
    begun[0]?.bad(new DOMException("", "AbortError"));
    await turn();
    expect(begun.map((each) => each.file.name)).toEqual(["a", "b"]);
    expect(shelf(7, "reply").map((each) => each.file.name)).toEqual(["b"]);
  });
});
