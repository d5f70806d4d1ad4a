// The widget of one inbox on an empty page of our own, for whoever sets it up:
// /preview?inbox=shop&lang=zh&theme=dark
const wish = new URLSearchParams(location.search);
const theme = wish.get("theme");
document.documentElement.lang = wish.get("lang") === "en" ? "en" : "zh-CN";
document.documentElement.classList.toggle("dark", theme === "dark");
const script = document.createElement("script");
script.src = "/widget.js";
script.dataset.inbox = wish.get("inbox") ?? "";
script.dataset.lang = wish.get("lang") ?? "";
if (theme === "light" || theme === "dark") script.dataset.theme = theme;
script.addEventListener("load", () => window.zhike?.open());
document.body.append(script);
