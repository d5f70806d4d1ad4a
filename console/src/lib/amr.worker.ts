/** Decodes AMR beside the page: a minute of voice takes a moment that nobody should feel while typing. Its
 * file has a policy of its own, which lets it compile WebAssembly; the page itself may not. */

import { wavOf } from "@widget/amr";

export interface Decoded {
  /** Null: it is no AMR, or holds nothing. */
  wav: Blob | null;
  seconds: number;
}

onmessage = async (event: MessageEvent<ArrayBuffer>) => {
  let said: Decoded = { wav: null, seconds: 0 };
  try {
    said = await wavOf(event.data);
  } catch {
    // What it was is of no use to whoever listens; that it cannot be played is said.
  }
  postMessage(said);
};
