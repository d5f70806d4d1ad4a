/** The service worker: shows what is pushed and opens what is clicked, nothing else. It answers no requests, so
 * no page is ever older than the server. */

import { follow, isSeen, shownOf, type Page } from "@/lib/pushed";

/** What the types of a page do not know of a worker. */
interface Waits extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Pushed extends Waits {
  readonly data: { json(): unknown } | null;
}
interface Clicked extends Waits {
  readonly notification: Notification;
}
interface Worker {
  addEventListener(type: "push", heard: (event: Pushed) => void): void;
  addEventListener(type: "notificationclick", heard: (event: Clicked) => void): void;
  addEventListener(type: "install" | "activate", heard: (event: Waits) => void): void;
  skipWaiting(): Promise<void>;
  readonly registration: ServiceWorkerRegistration;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(wanted: { type: "window"; includeUncontrolled: boolean }): Promise<Page[]>;
    openWindow(url: string): Promise<unknown>;
  };
}

const worker = self as unknown as Worker;
const pages = (): Promise<Page[]> => worker.clients.matchAll({ type: "window", includeUncontrolled: true });

async function show(event: Pushed): Promise<void> {
  let data: unknown = null;
  try {
    data = event.data?.json();
  } catch {
    // Not ours; that something came is shown all the same.
  }
  const shown = shownOf(data);
  if (isSeen(shown, await pages())) return;
  await worker.registration.showNotification(shown.title, {
    body: shown.body, tag: shown.tag, icon: "/console/icon.svg", data: { url: shown.url },
  });
}

async function open(notification: Notification): Promise<void> {
  notification.close();
  const { url } = shownOf(notification.data);
  await follow(url, await pages(), (where) => worker.clients.openWindow(where));
}

worker.addEventListener("push", (event) => event.waitUntil(show(event)));
worker.addEventListener("notificationclick", (event) => event.waitUntil(open(event.notification)));
worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
