"""What the first hello needs imports nothing heavy (DESIGN section 4, cold start)."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "litestar", "uvicorn", "httptools", "prometheus_client", "picows.api", "aiofastnet",
         "python_socks", "alembic", "tantivy", "httpx", "cryptography", "argon2", "yaml", "dataclasses")


@pytest.mark.parametrize("module", ["gateway", "frontdoor", "echo", "drain"])
def test_the_way_to_live_is_light(module: str) -> None:
    code = (f"import sys, zhike.gateway.{module};"
            f"print(*[name for name in {HEAVY!r} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
