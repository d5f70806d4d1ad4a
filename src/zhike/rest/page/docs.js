// Renders /api/v1/openapi.json. No library, no third host; every text goes in as text, never as HTML.

const WORDS = {
  zh: {
    title: "接口文档", search: "搜索路径、名称或说明", who: "谁可以调用", parameters: "参数", body: "请求体",
    answers: "返回", example: "示例", copy: "复制", copied: "已复制", needed: "必填", schema: "结构",
    colon: "：", failed: "文档加载失败", retry: "重试", nothing: "没有匹配的接口。", loading: "正在加载…", or: "或",
    from: "至少", upTo: "至多", chars: "字符", items: "项", of: "…的列表", fixed: "固定为", default: "默认",
    tags: { account: "账号", conversations: "会话", contacts: "客户", articles: "知识", rules: "规则", bots: "机器人",
      inboxes: "收件箱", agents: "客服", "api-keys": "API 密钥", audit: "操作记录", visitor: "访客", health: "健康检查",
      metrics: "监控指标", documents: "文档", sample: "示例商店" },
    roles: { public: "任何人", visitor: "访客（令牌）", agent: "客服", admin: "管理员", owner: "所有者", key: "API 密钥" },
    intro: ["所有出错都是同一种结构（ErrorEnvelope），文字随 Accept-Language（zh 或 en）变化。",
      "列表分页返回：把 next 作为 cursor 传回即可取下一页。", "没有声明的字段和参数会被拒绝，而不是忽略。",
      "时间为 RFC 3339 UTC；超过限额返回 429 和 Retry-After。"],
  },
  en: {
    title: "API reference", search: "Search path, name or description", who: "Who may call it",
    parameters: "Parameters", body: "Body", answers: "Answers", example: "Example", copy: "Copy", copied: "Copied",
    needed: "required", schema: "Structure", colon: ": ", failed: "The document could not be loaded", retry: "Retry",
    nothing: "No call matches.", loading: "Loading…", or: "or", from: "from", upTo: "up to", chars: "characters",
    items: "items", of: "list of …", fixed: "always", default: "default",
    tags: { account: "Account", conversations: "Conversations", contacts: "Contacts", articles: "Articles",
      rules: "Rules", bots: "Bots", inboxes: "Inboxes", agents: "Agents", "api-keys": "API keys", audit: "Audit",
      visitor: "Visitor", health: "Health", metrics: "Metrics", documents: "Documents", sample: "Sample shop" },
    roles: { public: "anybody", visitor: "visitor (token)", agent: "agent", admin: "admin", owner: "owner",
      key: "API key" },
    intro: ["Every refusal has one shape (ErrorEnvelope); its text follows Accept-Language (zh or en).",
      "Lists come in pages: pass next as cursor.", "Unknown fields and parameters are refused, not ignored.",
      "Times are RFC 3339 UTC. Limits answer 429 with Retry-After."],
  },
};

const saved = () => { try { return localStorage.getItem("zhike.docs.lang"); } catch { return null; } };
let lang = saved() ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
let doc = null;
const $ = (id) => document.getElementById(id);
const t = (name) => WORDS[lang][name];

/** An element with attributes and children; strings become text nodes. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

const resolve = (schema) => schema?.$ref ? doc.components.schemas[schema.$ref.split("/").pop()] : schema;
const nameOf = (schema) => schema?.$ref ? schema.$ref.split("/").pop() : schema?.title ?? "";

/** Text with `names` set as code. */
const prose = (text) => (text ?? "").split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));

/** "integer, 1 to 200 · default 50" */
function describe(schema) {
  if (!schema) return "";
  if (schema.$ref) return nameOf(schema);
  if (schema.anyOf) return schema.anyOf.map(describe).join(` ${t("or")} `);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" · ");
  const parts = [schema.format ?? schema.type ?? "any"];
  if (schema.type === "array") parts[0] = t("of").replace("…", describe(schema.items ?? schema.prefixItems?.[0]) || "any");
  if (schema.minimum !== undefined) parts.push(`${t("from")} ${schema.minimum}`);
  if (schema.maximum !== undefined && schema.maximum < 2 ** 53 - 1) parts.push(`${t("upTo")} ${schema.maximum}`);
  if (schema.maxLength !== undefined) parts.push(`${t("upTo")} ${schema.maxLength} ${t("chars")}`);
  if (schema.maxItems !== undefined) parts.push(`${t("upTo")} ${schema.maxItems} ${t("items")}`);
  if (schema.pattern && schema.pattern !== "\\S") parts.push(schema.pattern);
  if (schema.default !== undefined && schema.default !== null && schema.default !== "")
    parts.push(`${t("default")} ${JSON.stringify(schema.default)}`);
  return parts.join(", ");
}

/** Struct fields as table rows, two levels deep. */
function fields(schema, depth = 0) {
  const whole = resolve(schema) ?? {};
  const rows = [];
  for (const [name, part] of Object.entries(whole.properties ?? {})) {
    const needed = whole.required?.includes(name);
    rows.push(el("tr", { class: depth ? `in${depth > 1 ? "2" : ""}` : null }, el("td", {}, name),
      el("td", {}, describe(part), needed ? [" · ", el("b", { class: "needed" }, t("needed"))] : null,
        part.description ? [" · ", prose(part.description)] : null)));
    const inner = [part, part.items, part.prefixItems?.[0], ...(part.anyOf ?? [])].find((one) => one?.$ref);
    if (inner && depth < 2 && resolve(inner)?.properties) rows.push(...fields(inner, depth + 1));
  }
  return rows;
}

function structure(schema) {
  const whole = resolve(schema);
  const alternatives = whole?.anyOf ?? [schema];
  return alternatives.map((one) => [
    resolve(one)?.description ? el("p", {}, prose(resolve(one).description)) : null,
    el("table", {}, fields(one)),
  ]);
}

/** A value that fits a schema, for the example of an answer. */
function sample(schema, depth = 0) {
  const whole = resolve(schema) ?? {};
  if (whole.anyOf) return sample(whole.anyOf.find((one) => one.type !== "null") ?? whole.anyOf[0], depth);
  if (whole.enum) return whole.enum[0];
  if (whole.const !== undefined) return whole.const;
  if (whole.type === "array") return depth > 3 ? [] : [sample(whole.items ?? whole.prefixItems?.[0] ?? {}, depth + 1)];
  if (whole.properties && depth < 5)
    return Object.fromEntries(Object.entries(whole.properties).map(([name, part]) => [name, sample(part, depth + 1)]));
  if (whole.format === "date-time") return "2026-01-31T08:00:00Z";
  return { integer: whole.minimum ?? 1, number: 0.5, boolean: true, string: "…", object: {} }[whole.type] ?? null;
}

function curl(method, path, operation) {
  const base = doc.servers?.[0]?.url?.startsWith("http") ? doc.servers[0].url : location.origin;
  const query = (operation.parameters ?? []).filter((one) => one.in === "query" && one.required)
    .map((one) => `${one.name}=…`).join("&");
  const lines = [`curl -X ${method} '${base}${path.replace(/\{(\w+)\}/g, (_, name) => (name === "id" ? "1" : `<${name}>`))}${query ? `?${query}` : ""}'`];
  const kinds = (operation.security ?? []).flatMap((one) => Object.keys(one));
  if (kinds.includes("apiKey")) lines.push("-H 'Authorization: Bearer zk_…'");
  else if (kinds.includes("visitor")) lines.push("-H 'Authorization: Bearer v1.…'");
  else if (kinds.includes("session")) {
    lines.push("-b 'zhike_session=…'");
    if (method !== "GET") lines.push("-H 'X-CSRF-Token: …'");
  }
  const body = operation.requestBody?.content?.["application/json"];
  if (body) {
    lines.push("-H 'Content-Type: application/json'");
    const text = JSON.stringify(body.example ?? sample(body.schema));
    lines.push(`-d '${text.replaceAll("'", "'\\''")}'`);
  }
  return lines.join(" \\\n  ");
}

function code(text) {
  const copy = el("button", { type: "button", onclick: async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = t("copied");
    setTimeout(() => { copy.textContent = t("copy"); }, 1500);
  } }, t("copy"));
  return el("pre", {}, text, navigator.clipboard ? copy : null);
}

function answers(operation) {
  return Object.entries(operation.responses).map(([status, answer]) => {
    const schema = answer.content?.["application/json"]?.schema;
    const good = Number(status) < 400;
    const what = good ? nameOf(schema) || answer.description : (answer["x-codes"] ?? []).join(" · ") || nameOf(schema);
    return el("tr", {}, el("td", {}, status), el("td", { title: answer.description }, what));
  });
}

function article(id, method, path, operation) {
  const body = operation.requestBody?.content?.["application/json"]?.schema;
  const good = Object.entries(operation.responses).find(([status]) => Number(status) < 300)?.[1];
  const schema = good?.content?.["application/json"]?.schema;
  const who = operation["x-who"].split(", ").map((role) => WORDS[lang].roles[role] ?? role).join(" · ");
  const parameters = operation.parameters ?? [];
  return el("article", { id },
    el("h3", {}, lang === "zh" ? operation["x-summary-zh"] : operation.summary),
    el("div", { class: "call" }, el("b", { class: method }, method), ` ${path}`),
    el("div", { class: "who" }, `${t("who")}${t("colon")}${who}`,
      lang === "en" && operation["x-public-because"] ? ` — ${operation["x-public-because"]}` : null),
    el("p", {}, prose(lang === "zh" ? operation["x-description-zh"] : operation.description)),
    parameters.length ? [el("h4", {}, t("parameters")), el("table", {}, parameters.map((one) =>
      el("tr", {}, el("td", {}, one.name), el("td", {}, describe(one.schema),
        one.required ? [" · ", el("b", { class: "needed" }, t("needed"))] : null,
        one.description ? [" · ", prose(one.description)] : null))))] : null,
    body ? [el("h4", {}, t("body")), structure(body)] : null,
    el("h4", {}, t("example")), code(curl(method, path, operation)),
    el("h4", {}, t("answers")), el("table", {}, answers(operation)),
    schema ? el("details", {}, el("summary", {}, `${t("schema")}${t("colon")}${nameOf(schema)}`), structure(schema),
      code(JSON.stringify(sample(schema), null, 2))) : null);
}

function show() {
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  document.title = `zhike · ${t("title")}`;
  $("search").placeholder = t("search");
  $("search").setAttribute("aria-label", t("search"));
  for (const button of document.querySelectorAll("[data-lang]"))
    button.setAttribute("aria-pressed", String(button.dataset.lang === lang));
  if (!doc) return;
  $("version").textContent = doc.info.version;
  const wanted = $("search").value.trim().toLowerCase();
  const groups = new Map();
  for (const [path, methods] of Object.entries(doc.paths)) {
    for (const [verb, operation] of Object.entries(methods)) {
      const text = `${verb} ${path} ${operation.summary} ${operation["x-summary-zh"]} ${operation.description} ${operation["x-description-zh"]}`.toLowerCase();
      if (wanted && !text.includes(wanted)) continue;
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([operation.operationId, verb.toUpperCase(), path, operation]);
    }
  }
  const contents = [], page = [];
  if (!wanted) page.push(...t("intro").map((line) => el("p", {}, line)),
    el("p", {}, el("a", { href: "/api/v1/openapi.json" }, "OpenAPI"), " · ",
      el("a", { href: "/api/v1/asyncapi.json" }, "AsyncAPI (WebSocket)")));
  for (const [tag, operations] of groups) {
    const title = WORDS[lang].tags[tag] ?? tag;
    contents.push(el("h2", {}, title));
    page.push(el("h2", {}, title));
    for (const one of operations) {
      contents.push(el("a", { href: `#${one[0]}` }, lang === "zh" ? one[3]["x-summary-zh"] : one[3].summary));
      page.push(article(...one));
    }
  }
  if (!groups.size) page.push(el("p", {}, t("nothing")));
  $("contents").replaceChildren(...contents);
  $("page").replaceChildren(...page);
}

async function load() {
  $("state")?.replaceChildren(t("loading"));
  try {
    const answer = await fetch("/api/v1/openapi.json");
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    doc = await answer.json();
  } catch (cause) {
    $("page").replaceChildren(el("p", {}, `${t("failed")}${t("colon")}${cause.message} `,
      el("button", { type: "button", onclick: load }, t("retry"))));
    return;
  }
  show();
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

for (const button of document.querySelectorAll("[data-lang]")) {
  button.addEventListener("click", () => {
    lang = button.dataset.lang;
    try { localStorage.setItem("zhike.docs.lang", lang); } catch { /* private mode */ }
    show();
  });
}
let typing = 0;
$("search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(show, 120); });
show();
load();
