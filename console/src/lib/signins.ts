/** Words and addresses around signing in. */

/** Where the browser goes to sign in with the company's account, and comes back to `to` (a page of the console). */
export function ssoAddress(to: string): string {
  return `/api/v1/sso/start?to=${encodeURIComponent(`/console${to}`)}`;
}

/** A browser as people call it, from what it says of itself: "Chrome · Windows". */
export function browserName(agent: string): string {
  const browser = [
    ["Edg/", "Edge"], ["MicroMessenger", "WeChat"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"],
    ["Safari/", "Safari"],
  ].find(([mark = ""]) => agent.includes(mark))?.[1];
  const system = [
    ["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS X", "macOS"],
    ["Linux", "Linux"],
  ].find(([mark = ""]) => agent.includes(mark))?.[1];
  return [browser, system].filter(Boolean).join(" · ") || agent.slice(0, 60);
}
