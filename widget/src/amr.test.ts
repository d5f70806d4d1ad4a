import { describe, expect, it } from "vitest";
import { wavOf } from "./amr";

/** Frames of 20 ms without sound: a header, then one byte each. */
function silence(frames: number): ArrayBuffer {
  return new Uint8Array([...new TextEncoder().encode("#!AMR\n"), ...Array.from({ length: frames }, () => 0x7c)]).buffer;
}

describe("voices of phones", () => {
  it("become sound that every browser plays, as long as it was", async () => {
    const { wav, seconds } = await wavOf(silence(100));
    expect(seconds).toBe(2);
    const bytes = new DataView(await wav!.arrayBuffer());
    expect(bytes.byteLength).toBe(44 + 2 * 8000 * 2);
    expect(bytes.getUint32(24, true)).toBe(8000);
  });

  it("are told from what is none", async () => {
    expect((await wavOf(new TextEncoder().encode("OggS, and so on").buffer)).wav).toBeNull();
    expect((await wavOf(silence(0))).wav).toBeNull();
  });
});
