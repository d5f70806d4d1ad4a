/** Which pages a visitor looked at (src/zhike/domain/pages.py). */

import { call } from "./client";

export interface PageView {
  url: string;
  at: string;
  title?: string;
  /** The other site that led to it. */
  referrer?: string;
}
export interface Device {
  browser?: string;
  system?: string;
  kind?: "" | "phone" | "tablet" | "desktop";
  lang?: string;
}
/** Newest first. */
export interface Visit {
  pages: PageView[];
  device: Device;
}

export const pagesOf = (contact: number): Promise<Visit> => call("GET", `contacts/${contact}/pages`);
