/** Tells somebody who looks elsewhere that a visitor waits: a notification of the desktop, a short
 * sound. Both are off until that person turns them on, and quiet while the page is looked at. */

import type { Conversation } from "@/api/types";
import { t } from "@/i18n";
import { kept } from "@/lib/kept";
import { nameOf } from "@/lib/names";
import { workerHere } from "@/lib/push";
import { CONSOLE } from "@/lib/pushed";
import { notice } from "@/lib/toasts";
import { myId } from "@/lib/session";
import { known, whenChanged } from "@/live/list";
import { listen } from "@/live/socket";

export const alerts = kept("alerts", { desktop: false, sound: false });

export const canNotify = typeof Notification !== "undefined";

/** The browser asks the person; false if that was refused, then and for good. */
export async function allowDesktop(on: boolean): Promise<boolean> {
  alerts.value.desktop = on && canNotify && (await Notification.requestPermission()) === "granted";
  return alerts.value.desktop === on;
}

export type Cause = "waiting" | "message" | "mention" | "late";

type Seen = Pick<Conversation, "holder" | "agent_id" | "last_seq" | "waiting_since" | "mentioned" | "status">;

/** What in a change of a conversation calls for this person, if anything. */
export function causeOf(before: Seen | undefined, now: Seen, me: number): Cause | null {
  if (now.status === "snoozed" || now.status === "resolved") return null;
  if (now.mentioned && !before?.mentioned) return "mention";
  if (now.holder === "queue" && before?.holder !== "queue") return "waiting";
  if (now.holder !== "agent" || now.agent_id !== me || !before) return null;
  // Who answered does not let the visitor wait any more, so what is new while they wait is theirs.
  return now.waiting_since !== null && now.last_seq > before.last_seq ? "message" : null;
}

/** Two soft tones, made here: no file, nothing to load. */
export function chime(): void {
  try {
    const audio = new AudioContext();
    for (const [at, hz] of [[0, 660], [0.14, 880]] as const) {
      const tone = audio.createOscillator();
      const loud = audio.createGain();
      tone.frequency.value = hz;
      loud.gain.setValueAtTime(0.0001, audio.currentTime + at);
      loud.gain.exponentialRampToValueAtTime(0.06, audio.currentTime + at + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + at + 0.22);
      tone.connect(loud).connect(audio.destination);
      tone.start(audio.currentTime + at);
      tone.stop(audio.currentTime + at + 0.25);
    }
    setTimeout(() => void audio.close(), 800);
  } catch {
    // A browser without sound is quiet.
  }
}

/** Many at once are one sound. */
const QUIET_MS = 4_000;
let soundedAt = 0;
let open: (id: number) => void = () => undefined;

function alert(c: Conversation, cause: Cause): void {
  if (document.visibilityState === "visible" && document.hasFocus()) return;
  const now = Date.now();
  if (alerts.value.sound && now - soundedAt > QUIET_MS) {
    soundedAt = now;
    chime();
  }
  if (!alerts.value.desktop || !canNotify || Notification.permission !== "granted") return;
  const title = {
    waiting: t("alert.waiting", { name: nameOf(c) }), message: nameOf(c),
    mention: t("alert.mention", { name: nameOf(c) }), late: t("alert.late", { name: nameOf(c) }),
  }[cause];
  // One per conversation: the next one takes the place of the last.
  void show(c.id, title, { body: c.last_text.slice(0, 120), tag: `zhike-${c.id}`, silent: true });
}

async function show(id: number, title: string, options: NotificationOptions): Promise<void> {
  // Where this browser is told by push, too, one and the same shows both: a push of the same conversation takes
  // the place of this one, and its click is the worker's.
  const worker = await workerHere();
  if (worker) return worker.showNotification(title, { ...options, data: { url: `${CONSOLE}/conversations/${id}` } });
  const shown = new Notification(title, options);
  shown.onclick = () => {
    focus();
    open(id);
    shown.close();
  };
}

function callFor(c: Conversation, kind: "waiting_late" | "reply_late"): void {
  notice(t(kind === "waiting_late" ? "alert.late" : "alert.lateReply", { name: nameOf(c) }), { label: t("alert.open"), run: () => open(c.id) });
}

let running = false;

/** Follows the lists; `goTo` opens a conversation. */
export function startAlerts(goTo: (id: number) => void): void {
  open = goTo;
  if (running) return;
  running = true;
  whenChanged((before, now) => {
    const cause = causeOf(before, now, myId.value);
    if (cause) alert(now, cause);
  });
  listen((frame) => {
    const c = frame.type === "alarm" ? known.get(frame.conversation) : undefined;
    if (!c) return;
    // Whoever looks at the page sees it there, and so need no notification.
    callFor(c, frame.type === "alarm" ? frame.kind : "waiting_late");
    alert(c, "late");
  });
}
