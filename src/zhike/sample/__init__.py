"""The sample shop "松间里 / Pinelane" that `zhike demo` shows: data, pages, orders, past conversations.

Nothing here imports other parts of zhike, and everything in it is invented: the shop, its people,
couriers, addresses and telephone numbers.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent

CONFIG_FILES: tuple[Path, ...] = (
    ROOT / "shop.yaml",
    ROOT / "articles.zh.yaml",
    ROOT / "articles.en.yaml",
    ROOT / "rules.yaml",
    ROOT / "tools.yaml",
    ROOT / "cases.yaml",
)
"""What `zhike config apply` merges, in this order. (demo_dialogues.yaml is no configuration.)"""

SITE_DIR: Path = ROOT / "site"
"""The shop's static pages; they expect the widget at ``/widget.js`` and the console at ``/console``."""
