"""Pages and scripts: the console, the widget, the API's reading page."""

from __future__ import annotations

from pathlib import Path

import zhike
from zhike.access.rights import public
from zhike.errors import ZhikeError
from zhike.rest.answer import Answer
from zhike.rest.table import Call, Handler, Route

WEB = Path(zhike.__file__).parent / "web"
CONSOLE = WEB / "console"
WIDGET = WEB / "widget"
DOCS = Path(__file__).parent.parent / "page"
FRESH = "no-cache"
"""Ask each time; the answer is 304 nearly always."""
FOREVER = "public, max-age=31536000, immutable"
WIDGET_CACHE = "public, max-age=300, stale-while-revalidate=86400"
"""A shop's pages get a new widget within minutes, and never wait for the check."""
STATIC = public("Files of the package, the same for everybody; what they show comes through the API.")


async def console(call: Call) -> Answer:
    """The console. A path without a file belongs to its router; a missing asset is missing."""
    name = call.path.get("name", "").strip("/")
    files = call.to.files
    if name.startswith("assets/"):
        return await files.serve(CONSOLE, name, call.headers, cache=FOREVER)
    if name and "." in name.rpartition("/")[2]:
        return await files.serve(CONSOLE, name, call.headers, cache=FRESH)
    return await files.serve(CONSOLE, "index.html", call.headers, cache=FRESH)


async def widget(call: Call) -> Answer:
    """The widget's script, for pages of any site."""
    return await call.to.files.serve(
        WIDGET, "widget.js", call.headers, cache=WIDGET_CACHE, extra=[(b"access-control-allow-origin", b"*")]
    )


async def widget_amr(call: Call) -> Answer:
    """What the widget loads to play an AMR voice."""
    anyone = (b"access-control-allow-origin", b"*")
    return await call.to.files.serve(WIDGET, "widget-amr.js", call.headers, cache=WIDGET_CACHE,
                                     extra=[anyone])


async def api_page(call: Call) -> Answer:
    """The API to read."""
    return await call.to.files.serve(DOCS, "docs.html", call.headers, cache=FRESH)


async def api_page_file(call: Call) -> Answer:
    """Script and style of the reading page."""
    name = call.path["name"]
    if name not in ("docs.js", "docs.css"):
        raise ZhikeError("not_found")
    return await call.to.files.serve(DOCS, name, call.headers, cache=FRESH)


async def preview(call: Call) -> Answer:
    """The widget of an inbox on an empty page of our own: what the console shows beside its settings."""
    return await call.to.files.serve(DOCS, "preview.html", call.headers, cache=FRESH)


async def preview_file(call: Call) -> Answer:
    """Script and style of that page."""
    name = call.path["name"]
    if name not in ("preview.js", "preview.css"):
        raise ZhikeError("not_found")
    return await call.to.files.serve(DOCS, name, call.headers, cache=FRESH)


def redirect(to: str) -> Answer:
    """302."""
    return Answer(b"", 302, "", [(b"location", to.encode()), (b"cache-control", b"no-store")])


async def home(_call: Call) -> Answer:
    """Without the sample shop the first page is the console."""
    return redirect("/console/")


async def favicon(call: Call) -> Answer:
    """Browsers ask for it unasked."""
    return await call.to.files.serve(DOCS, "icon.svg", call.headers, cache=WIDGET_CACHE)


def _page(path: str, handler: Handler, en: str, zh: str) -> Route:
    return Route(
        "GET",
        path,
        handler,
        STATIC,
        (en, zh),
        text="text/html",
        budget="none",
        listed=False,
    )


ROUTES = [
    _page("/console", console, "The console", "工作台"),
    _page("/console/{name:path}", console, "The console's files", "工作台的文件"),
    _page("/widget.js", widget, "The widget", "聊天窗"),
    _page("/widget-amr.js", widget_amr, "The widget's decoder of voices", "聊天窗的语音解码"),
    _page("/api/docs", api_page, "The API to read", "接口文档"),
    _page("/api/docs/{name}", api_page_file, "The reading page's files", "接口文档的文件"),
    _page("/preview", preview, "The widget on an empty page", "聊天窗预览"),
    _page("/preview/{name}", preview_file, "The preview's files", "预览页的文件"),
    _page("/favicon.ico", favicon, "The icon", "图标"),
]
WITHOUT_SHOP = [_page("/", home, "To the console", "前往工作台")]
