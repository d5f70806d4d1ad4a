/** AMR, the sound that WeChat and older phones record and no browser plays, as WAV, which all do.
 *
 * The decoder is opencore-amr (Apache-2.0) in WebAssembly; this file is loaded only when somebody has sent
 * such a voice. */

import decode from "@audio/decode-amr";

const HEAD_BYTES = 44;
const BITS = 16;

/** Mono sound as a WAV file. */
export function wav(samples: Float32Array, rate: number): Blob {
  const view = new DataView(new ArrayBuffer(HEAD_BYTES + samples.length * 2));
  const word = (at: number, text: string): void => [...text].forEach((each, i) => view.setUint8(at + i, each.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, view.byteLength - 8, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, BITS, true);
  word(36, "data");
  view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, i) => view.setInt16(HEAD_BYTES + i * 2, Math.max(-1, Math.min(1, sample)) * 0x7fff, true));
  return new Blob([view.buffer], { type: "audio/wav" });
}

/** `wav` null: these bytes are no AMR, or hold no sound. */
export async function wavOf(bytes: ArrayBuffer): Promise<{ wav: Blob | null; seconds: number }> {
  const { channelData, sampleRate } = await decode(bytes);
  const samples = channelData[0];
  return samples?.length ? { wav: wav(samples, sampleRate), seconds: samples.length / sampleRate } : { wav: null, seconds: 0 };
}
