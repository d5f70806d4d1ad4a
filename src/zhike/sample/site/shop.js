// Sample shop: language, product grid, product page. No framework, no request.
// Runs in <head>, so that the language is set before the first paint.
"use strict";

const query = new URLSearchParams(location.search);
const LANG_KEY = "pinelane-lang";

function remembered() {
  try { return localStorage.getItem(LANG_KEY); } catch { return null; } // storage may be forbidden
}

const lang = [query.get("lang"), remembered()].find((l) => l === "zh" || l === "en")
  ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
try { localStorage.setItem(LANG_KEY, lang); } catch { /* the choice then lasts for this page only */ }
document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";

const WORDS = {
  zh: { brand: "松间里", home: "松间里 · 好好过日子的衣物与家居", missing: "没有找到这件商品" },
  en: { brand: "Pinelane", home: "Pinelane · clothes and things for home", missing: "We couldn't find this item" },
};
/** Choosing a colour recolours the picture. */
const TONES = {
  松绿: "pine", 燕麦: "oat", 雾蓝: "mist", 炭灰: "charcoal", 原色: "clay", 月白: "moon", 米白: "oat", 墨绿: "pine",
  "Pine green": "pine", Oat: "oat", "Misty blue": "mist", Charcoal: "charcoal", Natural: "clay", "Moon white": "moon", Cream: "oat", "Dark green": "pine",
};
const word = (key) => WORDS[lang][key];
const yuan = (amount) => new Intl.NumberFormat(lang === "zh" ? "zh-CN" : "en", { style: "currency", currency: "CNY", currencyDisplay: "narrowSymbol", maximumFractionDigits: 0 }).format(amount);

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function picture(product, className) {
  const box = el("div", { class: `${className} tile-${product.tone}` });
  box.innerHTML = art(product.art, product.tone); // our own constant markup, no visitor's text
  return box;
}

function card(product) {
  const text = product[lang];
  return el("li", { class: "card" },
    el("a", { href: `product.html?id=${product.id}` },
      picture(product, "card-art"),
      el("span", { class: "card-name" }, text.name),
      el("span", { class: "card-line" }, text.line),
      el("span", { class: "price" }, yuan(product.price_yuan))));
}

function choices(name, values, index) {
  const group = el("fieldset", { class: "choices" }, el("legend", {}, name));
  values.forEach((value, i) => {
    const id = `option-${index}-${i}`;
    const input = el("input", { type: "radio", name: `option-${index}`, id, value });
    input.checked = i === 0;
    group.append(input, el("label", { for: id }, value));
  });
  return group;
}

function showProduct() {
  if (shown) {
    const text = shown[lang];
    document.title = `${text.name} · ${word("brand")}`;
    const fill = (id, value) => { document.querySelector(`#product-${id}`).textContent = value; };
    fill("name", text.name);
    fill("line", text.line);
    fill("price", yuan(shown.price_yuan));
    fill("text", text.text);
    fill("crumb", text.name);
    document.querySelector("#product-art").replaceWith(picture(shown, "product-art"));
    const options = Object.entries(shown.options[lang]);
    const form = document.querySelector("#product-options");
    form.append(...options.map(([name, values], i) => choices(name, values, i)));
    form.addEventListener("change", (event) => {
      const tone = TONES[event.target.value];
      if (tone) document.querySelector(".product-art .art").setAttribute("class", `art tone-${tone}`);
    });
  } else {
    document.querySelector("#missing").hidden = false;
    document.querySelector("#product").hidden = true;
    document.title = word("missing");
  }
  const start = Math.max(PRODUCTS.indexOf(shown), 0);
  const others = [1, 3, 4, 6].map((step) => PRODUCTS[(start + step) % PRODUCTS.length]);
  document.querySelector("#products").append(...others.map(card));
}

function languageLinks() {
  for (const link of document.querySelectorAll("[data-lang]")) {
    const target = new URLSearchParams(location.search);
    target.set("lang", link.dataset.lang);
    link.href = `?${target}`;
    if (link.dataset.lang === lang) link.setAttribute("aria-current", "true");
  }
}

/** The page's product, or undefined; set for the widget before its script can run. */
const shown = PRODUCTS.find((product) => product.id === query.get("id"));
if (shown) {
  window.zhikeCard = { title: shown[lang].name, text: shown[lang].line, price: yuan(shown.price_yuan), ref: shown.id,
    url: `product.html?id=${shown.id}` };
}

document.addEventListener("DOMContentLoaded", () => {
  languageLinks();
  if (document.body.dataset.page === "product") {
    showProduct();
  } else {
    document.title = word("home");
    document.querySelector("#products").append(...PRODUCTS.map(card));
  }
  document.querySelector("#buy")?.addEventListener("click", () => document.querySelector("#not-for-sale").showModal());
});
