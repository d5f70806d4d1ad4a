"""The sample shop's pages: complete, bilingual, and they load nothing from a third host."""

from __future__ import annotations

import re

import msgspec
import pytest

from zhike.sample import SITE_DIR

PAGES = ("index.html", "product.html")


def read(name: str) -> str:
    return (SITE_DIR / name).read_text(encoding="utf-8")


def test_pages_load_nothing_from_a_third_host() -> None:
    pages = list(SITE_DIR.glob("*.*"))
    assert {"index.html", "product.html", "style.css", "shop.js"} <= {p.name for p in pages}
    for page in pages:
        text = page.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|(?:src|href)=[\"']//", text), page.name
        if page.suffix == ".html":
            assert '<script async src="/widget.js" data-inbox="shop"></script>' in text


@pytest.mark.parametrize("page", PAGES)
def test_every_text_stands_in_both_languages(page: str) -> None:
    html = read(page)
    assert html.count('class="zh"') == html.count('class="en"') > 10
    for english in re.findall(r'<span class="en">(.*?)</span>', html):
        assert not re.search("[\u4e00-\u9fff]", english), english
    for chinese in re.findall(r'<span class="zh">(.*?)</span>', html):
        assert re.search("[\u4e00-\u9fff]", chinese), chinese


@pytest.mark.parametrize("page", PAGES)
def test_every_local_link_leads_somewhere(page: str) -> None:
    ids = set(re.findall(r'id="([^"]+)"', read("index.html")))
    for target in re.findall(r'(?:href|src)="([^"]+)"', read(page)):
        if target.startswith(("?", "/console", "/widget.js")):
            continue
        name, _, fragment = target.partition("#")
        assert not name or (SITE_DIR / name).is_file(), target
        assert not fragment or fragment in ids or f'id="{fragment}"' in read(page), target


def test_catalogue_is_whole_and_every_picture_is_drawn() -> None:
    script = read("products.js")
    products = msgspec.json.decode(script[script.index("[") : script.rindex("]") + 1])
    assert len(products) == 8
    drawings, styles = read("art.js"), read("style.css")
    tones = re.findall(r'"([a-z]+)"', read("shop.js").split("const TONES")[1].split("};")[0])
    for product in products:
        assert re.search(rf"^  {product['art']}: `", drawings, re.M), product["art"]
        assert f".tile-{product['tone']} " in styles
        assert len(product["zh"]) == len(product["en"]) == 3
        zh, en = (list(product["options"][lang].values()) for lang in ("zh", "en"))
        assert [len(values) for values in zh] == [len(values) for values in en], product["id"]
    for tone in tones:
        assert f".tone-{tone} " in styles, tone
