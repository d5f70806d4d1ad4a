/** Sound that a browser cannot play, and one voice at a time. */

import type { Attachment } from "@widget/wire";
import type { Decoded } from "./amr.worker";

export const isAmr = (file: Pick<Attachment, "type">): boolean => file.type.startsWith("audio/amr");

let current: HTMLAudioElement | null = null;

/** This one is heard now; another one that plays stops. */
export function playing(audio: HTMLAudioElement): void {
  if (current && current !== audio) current.pause();
  current = audio;
}

/** The sound of an AMR file as something that every browser plays. The decoder comes when it is first needed,
 * and works beside the page. The caller revokes `url`. */
export async function decoded(link: string): Promise<{ url: string; seconds: number }> {
  const answer = await fetch(link);
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const bytes = await answer.arrayBuffer();
  const worker = new Worker(new URL("./amr.worker.ts", import.meta.url), { type: "module" });
  try {
    const found = await new Promise<Decoded>((resolve, reject) => {
      worker.onmessage = (event: MessageEvent<Decoded>) => resolve(event.data);
      worker.onerror = reject;
      worker.postMessage(bytes, [bytes]);
    });
    if (!found.wav) throw new Error("not AMR");
    return { url: URL.createObjectURL(found.wav), seconds: found.seconds };
  } finally {
    worker.terminate();
  }
}
