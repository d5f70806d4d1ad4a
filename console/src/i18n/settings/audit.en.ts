/** English of the audit log; part of settings.en.ts. */
export const enAudit = {
  "audit.text": "Every change that a person or a program made, the newest first.",
  "audit.all": "All actions",
  "audit.action": "Action",
  "audit.target": "What was changed, for example article:17",
  "audit.empty": "Nothing was changed yet",
  "audit.emptyText": "Changes of settings, knowledge and people appear here.",
  "audit.clear": "Clear filters",
  "audit.time": "Time",
  "audit.actor": "By",
  "audit.where": "What",
  "audit.end": "That is all.",
  "audit.verify": "Verify",
  "audit.export": "Export",
  "audit.anybody": "Anybody",
  "audit.whole": "Whole: {n} entry checked, none changed or missing. | Whole: {n} entries checked, none changed or missing.",
  "audit.broken": "Broken at entry {id}: it is missing or was changed.",
};
