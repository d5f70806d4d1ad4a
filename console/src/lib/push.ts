/** Web Push in this browser: whether it can be, whether it is on, and how it is turned on and off. */

import { access, type PushDevice } from "@/api/access";
import { kept } from "@/lib/kept";
import { placeOf } from "@/lib/pushed";
import { lang } from "@/i18n";

/** `insecure`: not over https · `unsupported`: the browser has none · `blocked`: somebody said no in it. */
export type Can = "insecure" | "unsupported" | "blocked" | "yes";

const WORKER = "/console/sw.js";
/** Who turned it on here: a browser may be shared, and what one person wants is not the next one's wish. */
const wanted = kept("push", 0);

export function canPush(): Can {
  if (!isSecureContext) return "insecure";
  if (!("serviceWorker" in navigator) || !("PushManager" in globalThis) || typeof Notification === "undefined") return "unsupported";
  return Notification.permission === "denied" ? "blocked" : "yes";
}

/** What the browser itself holds; null: nothing, or not for this person. */
export async function subscribed(me: number): Promise<PushSubscription | null> {
  if (canPush() !== "yes" || wanted.value !== me) return null;
  const worker = await navigator.serviceWorker.getRegistration(WORKER);
  return (await worker?.pushManager.getSubscription()) ?? null;
}

function bytesOf(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

const same = (a: ArrayBuffer | null, b: Uint8Array): boolean =>
  a !== null && a.byteLength === b.length && new Uint8Array(a).every((byte, at) => byte === b[at]);

function tell(subscription: PushSubscription): Promise<PushDevice> {
  const { endpoint = "", keys = {} } = subscription.toJSON();
  return access.addPush({ endpoint, keys: { p256dh: keys["p256dh"] ?? "", auth: keys["auth"] ?? "" }, lang: lang.value });
}

/** Asks the person and the browser, then tells the desk; null: the person said no. Throws what the browser says
 * where its push service cannot be reached (a DOMException), and what the desk refuses. */
export async function turnOn(me: number): Promise<PushDevice | null> {
  if ((await Notification.requestPermission()) !== "granted") return null;
  const key = bytesOf((await access.pushKey()).public_key);
  await navigator.serviceWorker.register(WORKER);
  const { pushManager } = await navigator.serviceWorker.ready;
  const old = await pushManager.getSubscription();
  // Made under another desk's key, it would never be heard.
  if (old && !same(old.options.applicationServerKey, key)) await old.unsubscribe();
  const device = await tell(await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  wanted.value = me;
  return device;
}

/** Off in this browser; `device`: what the desk calls it. */
export async function turnOff(me: number, device?: PushDevice): Promise<void> {
  await (await subscribed(me))?.unsubscribe();
  wanted.value = 0;
  if (device) await access.removePush(device.id);
}

/** After a new sign-in, or with another language: the desk goes on telling this browser. */
export async function renewPush(me: number): Promise<void> {
  const subscription = await subscribed(me);
  if (subscription) await tell(subscription);
}

/** The worker of this page, where there is one: what a page shows through it takes the place of what was
 * pushed, and the other way round. */
export async function workerHere(): Promise<ServiceWorkerRegistration | null> {
  if (canPush() !== "yes" || !wanted.value) return null;
  return (await navigator.serviceWorker.getRegistration(WORKER)) ?? null;
}

let listening = false;

/** A click on a notification leads this page there. */
export function followClicks(go: (path: string) => void): void {
  if (listening || canPush() !== "yes") return;
  listening = true;
  navigator.serviceWorker.addEventListener("message", (event) => {
    const place = placeOf(event.data);
    if (place) go(place);
  });
}
