/** One WebSocket for the whole console; stores listen to its frames. */

import { Connection, type Phase } from "@widget/connection";
import { socketLink } from "@widget/link";
import type { ClientFrame } from "@widget/wire";
import { ref } from "vue";
import { whenSignedOut } from "@/api/client";
import { lang } from "@/i18n";
import type { DeskFrame } from "./frames";

export const phase = ref<Phase>("idle");

type Listener = (frame: DeskFrame) => void;
const listeners = new Set<Listener>();
const onlineAgain = new Set<() => void>();
let signedOut: () => void = () => undefined;

export const connection = new Connection(
  {
    hello: () => ({ type: "hello", v: 1, role: "agent", lang: lang.value }),
    open: (_kind, hello, on) => socketLink(`${location.origin.replace(/^http/, "ws")}/ws`, hello, on),
    frame: (frame) => {
      for (const listener of listeners) listener(frame);
      if (frame.type === "welcome") for (const callback of onlineAgain) callback();
    },
    changed: (now) => (phase.value = now),
    lost: () => undefined,
    stopping: (code) => {
      // 4501 nobody is signed in, 4508 this session has ended
      if (code === 4501 || code === 4508) signedOut();
      return false;
    },
  },
  false,
);

addEventListener("online", () => connection.nudge());
addEventListener("offline", () => connection.offline());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") connection.nudge();
});

export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Calls back after every welcome: the first one, and each after a break. */
export function whenOnline(callback: () => void): () => void {
  onlineAgain.add(callback);
  if (phase.value === "online") callback();
  return () => onlineAgain.delete(callback);
}

/** Calls back after a break only: for what could not be loaded meanwhile. */
export function whenBack(callback: () => void): () => void {
  onlineAgain.add(callback);
  return () => onlineAgain.delete(callback);
}

export function send(frame: ClientFrame): boolean {
  return connection.send(frame);
}

export function onSignedOut(callback: () => void): void {
  signedOut = callback;
  whenSignedOut(callback);
}
