/** How this person likes to write; kept in this browser. */

import { kept } from "./kept";

export const composer = kept("composer", { enterSends: true });
