/** Where pages are. Everything but set-up and sign-in needs somebody signed in, some a role. */

import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";
import { unreachable } from "@/api/client";
import type { Role } from "@/api/types";
import type { Key } from "@/i18n";
import { can, leave, may, me, signedIn } from "@/lib/session";
import { complain } from "@/lib/toasts";
import { stopDesk } from "@/live/desk";
import { onSignedOut } from "@/live/socket";

declare module "vue-router" {
  interface RouteMeta {
    open?: boolean;
    role?: Role;
    /** For those who may see figures: supervisors and above, and analysts. */
    report?: boolean;
    title?: Key;
    /** Belongs to the settings. */
    settings?: boolean;
  }
}

const routes: RouteRecordRaw[] = [
  { path: "/setup", component: () => import("@/views/Setup.vue"), meta: { open: true, title: "setup.title" } },
  { path: "/sign-in", component: () => import("@/views/SignIn.vue"), meta: { open: true, title: "signin.title" } },
  { path: "/reset", component: () => import("@/views/Reset.vue"), meta: { open: true, title: "reset.title" } },
  {
    path: "/",
    component: () => import("@/views/Shell.vue"),
    children: [
      { path: "", redirect: "/conversations" },
      { path: "conversations/:id(\\d+)?", component: () => import("@/views/Desk.vue"), meta: { title: "nav.conversations" } },
      { path: "knowledge/:id(\\d+|new)?", component: () => import("@/views/Knowledge.vue"), meta: { title: "nav.knowledge" } },
      { path: "supervision", component: () => import("@/views/Supervision.vue"), meta: { title: "nav.supervision", report: true } },
      {
        path: "",
        component: () => import("@/views/SettingsFrame.vue"),
        meta: { settings: true },
        children: [
          { path: "settings", component: () => import("@/views/SettingsHome.vue"), meta: { title: "nav.settings" } },
          { path: "rules", component: () => import("@/views/Rules.vue"), meta: { title: "nav.rules" } },
          { path: "inboxes/:id(\\d+|new)?", component: () => import("@/views/Inboxes.vue"), meta: { title: "nav.inboxes", role: "admin" } },
          { path: "agents", component: () => import("@/views/Agents.vue"), meta: { title: "nav.agents", role: "admin" } },
          { path: "api-keys", component: () => import("@/views/ApiKeys.vue"), meta: { title: "nav.apiKeys", role: "admin" } },
          { path: "teams", component: () => import("@/views/Teams.vue"), meta: { title: "nav.teams", role: "admin" } },
          { path: "canned", component: () => import("@/views/Canned.vue"), meta: { title: "nav.canned" } },
          { path: "notify", component: () => import("@/views/Notify.vue"), meta: { title: "nav.notify", role: "admin" } },
          { path: "webhooks", component: () => import("@/views/Webhooks.vue"), meta: { title: "nav.webhooks", role: "admin" } },
          { path: "tags", component: () => import("@/views/Tags.vue"), meta: { title: "nav.tags" } },
          { path: "bots", component: () => import("@/views/Bots.vue"), meta: { title: "nav.bots", role: "admin" } },
          { path: "prompts/:name?", component: () => import("@/views/Prompts.vue"), meta: { title: "nav.prompts", role: "admin" } },
          { path: "models", component: () => import("@/views/Models.vue"), meta: { title: "nav.models", role: "admin" } },
          { path: "tools", component: () => import("@/views/Tools.vue"), meta: { title: "nav.tools", role: "admin" } },
          { path: "flows", component: () => import("@/views/Flows.vue"), meta: { title: "nav.flows", role: "admin" } },
          { path: "cases", component: () => import("@/views/Cases.vue"), meta: { title: "nav.cases", role: "admin" } },
          { path: "usage", component: () => import("@/views/Usage.vue"), meta: { title: "nav.usage", role: "admin" } },
          { path: "audit", component: () => import("@/views/Audit.vue"), meta: { title: "nav.audit", role: "admin" } },
          { path: "account", component: () => import("@/views/Account.vue"), meta: { title: "nav.account" } },
        ],
      },
      { path: ":rest(.*)*", component: () => import("@/views/NotFound.vue"), meta: { title: "notFound.title" } },
    ],
  },
];

/** A page within a page: both scripts are asked for at once, and the router looks at the second only when the
 * first has come. Without a network the second would fail unheard, as an error of nobody. */
function heard(all: RouteRecordRaw[]): RouteRecordRaw[] {
  for (const record of all) {
    const load = record.component as (() => Promise<unknown>) | undefined;
    if (load) {
      record.component = (() => {
        const coming = load();
        coming.catch(() => undefined);
        return coming;
      }) as never;
    }
    heard(record.children ?? []);
  }
  return all;
}

export const router = createRouter({ history: createWebHistory("/console/"), routes: heard(routes) });

router.beforeEach(async (to) => {
  if (to.meta.open) return true;
  try {
    if (!(await signedIn())) return { path: "/sign-in", query: to.fullPath === "/" ? {} : { to: to.fullPath } };
  } catch {
    // The server cannot be reached: the pages themselves say so, with a way to try again.
    return { path: "/sign-in", query: { to: to.fullPath } };
  }
  if ((to.meta.role && !may(to.meta.role)) || (to.meta.report && !can("report"))) return { path: "/conversations" };
  return true;
});

/** A page's script did not come: without a network that is said, and the page that stands stays. With one,
 * the server is a newer one and has no such file any more; loaded afresh, the console is that one's. */
router.onError(async (error: unknown, to, from) => {
  if (from.matched.length === 0 || !/dynamically imported|module script|preload CSS/i.test(String(error))) return;
  const reached = (await fetch("/health/live", { cache: "no-store" }).catch(() => null))?.ok;
  if (reached) location.assign(router.resolve(to.fullPath).href);
  else complain(unreachable());
});

onSignedOut(() => {
  if (!me.value) return;
  leave();
  stopDesk();
  void router.push({ path: "/sign-in", query: { to: router.currentRoute.value.fullPath } });
});
