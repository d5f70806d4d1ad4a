/** English: how a reply arrives. */
export const enReach = {
  "reach.live": "Online: sees it at once",
  "reach.email": "Has left: goes by mail to {to} in {n} s, unless it is read before",
  "reach.sms": "Has left: goes by SMS to {to} in {n} s, unless it is read before",
  "reach.none.off": "Has left: sees it when they come back",
  "reach.none.no_address": "Has left, and no address is known: ask for one while they are here",
  "reach.none.stopped": "Has left, and wants no more mail",
  "reach.none.bounced": "Has left, and mail to their address comes back: ask for another one",
  "reach.none.not_set_up": "Has left, and this desk cannot send mail yet",
  "reach.sent": "Last reply: sent to {to}",
  "reach.failed": "Last reply did not arrive: {why}",
  "reach.came": "by mail",
  "reach.cameFrom": "by mail from another address, {from}: make sure who it is",
  "reach.unknown": "Nobody knows whether the last reply arrived",
};
