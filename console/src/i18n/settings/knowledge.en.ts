/** English of knowledge: articles, import, export; part of settings.en.ts. */
export const enKnowledge = {
  "knowledge.more": "Import and export",

  "import.title": "Import from a file",
  "import.text": "Tables with the columns question and answer (CSV, Excel, JSON lines, YAML), or documents (Word, PDF, Markdown, HTML). Known articles are updated, nothing is doubled.",
  "import.language": "Language of rows that do not say",
  "import.anyLang": "Recognise it",
  "import.choose": "Choose a file",
  "import.drop": "or drop it here",
  "import.tooLarge": "The file is too large for a browser (at most {n} MB). Use `zhike kb import` instead.",
  "import.found": "{n} article found | {n} articles found",
  "import.skipped": "{n} left out: see why | {n} left out: see why",
  "import.line": "Line {n}: {why}",
  "import.progress": "Progress",
  "import.report": "{added} added, {changed} changed, {same} the same",
  "import.stopped": "Stopped; what is stored stays. Importing again goes on.",
  "import.stop": "Stop",
  "import.run": "Import {n} article | Import {n} articles",

  "export.csv": "Export as CSV (Excel)",
  "export.jsonl": "Export as JSON lines",

  "test.openArticle": "Open the article",
  "test.openRule": "See the rules",

  "article.more": "Buttons, pictures, validity",
  "article.buttonsHint": "One per line: label, or label = what it sends, or label = https://… to open.",
  "article.images": "Pictures",
  "article.links": "Links",
  "article.cardsHint": "One per line; a title may stand before the address.",
  "article.inboxes": "Only for visitors of",
  "article.from": "Valid from",
  "article.until": "Valid until",
  "article.untilHint": "Outside of this time the bot does not use it.",
};
