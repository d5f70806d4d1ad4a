/** Everything live in one place: begins when somebody is signed in, is forgotten when that ends. */

import { startAlerts } from "@/lib/alerts";
import { forgetPeople, startPeople } from "@/lib/people";
import { renewPush } from "@/lib/push";
import { clearChosen } from "@/lib/selection";
import { myId } from "@/lib/session";
import { startCounts } from "@/lib/views";
import { startActivity } from "./active";
import { forgetLists, startLists } from "./list";
import { forgetThreads, resumeSending } from "./open";
import { connection, whenOnline } from "./socket";
import { forgetUploads } from "./uploads";
import { forgetSummaries } from "./summary";

let resumed = false;

/** `goTo` opens a conversation (somebody clicked a notification). */
export function startDesk(goTo: (id: number) => void): void {
  startLists();
  startPeople();
  startCounts();
  startAlerts(goTo);
  startActivity();
  // (A browser that cannot be told now is told of again at the next start; the account page says how it is.)
  renewPush(myId.value).catch(() => undefined);
  connection.start();
  if (!resumed) whenOnline(resumeSending);
  resumed = true;
}

export function stopDesk(): void {
  forgetThreads();
  forgetUploads();
  forgetSummaries();
  forgetLists();
  forgetPeople();
  clearChosen();
  connection.stop();
}
