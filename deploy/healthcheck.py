#!/app/venv/bin/python -I
"""Exit 0 if the desk in this container answers /health/live. Standard library only; starts fast."""

import os
import socket
import sys
import tomllib
from pathlib import Path

CONFIG = Path(os.environ.get("ZHIKE_CONFIG") or "/app/config/zhike.toml")


def port() -> int:
    """The port as the desk reads it: environment before file."""
    if text := os.environ.get("ZHIKE_SERVER__PORT"):
        return int(text)
    try:
        return int(tomllib.loads(CONFIG.read_text()).get("server", {}).get("port", 8080))
    except OSError:
        return 8080


def main() -> int:
    """Asks once, within three seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port()), timeout=3) as conn:
            conn.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return 0 if conn.recv(64).startswith(b"HTTP/1.1 200") else 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
