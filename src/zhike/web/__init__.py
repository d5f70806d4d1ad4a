"""Where the built pages are: the widget (one script) and the console (a folder with index.html).

Both are made from ``widget/`` and ``console/`` by ``hatch_build.py`` when the package is built or
installed; a wheel brings them, so that nobody who installs it needs Node.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from zhike.errors import ZhikeError

Asset = Literal["widget", "console"]
ENTRY: dict[Asset, str] = {"widget": "widget.js", "console": "index.html"}
"""The file without which an asset does not count as built."""


def asset_dir(name: Asset) -> Path:
    """The folder of a built page.

    Raises:
        ZhikeError: ``config_error`` if it was not built, saying how to.
    """
    folder = Path(__file__).parent / name
    if not (folder / ENTRY[name]).is_file():
        raise ZhikeError(
            "config_error",
            f"The {name} was not built: run `python hatch_build.py` in the sources, or install a wheel. "
            f"{name} 尚未构建：请在源码目录运行 `python hatch_build.py`，或安装 wheel 包。")
    return folder
