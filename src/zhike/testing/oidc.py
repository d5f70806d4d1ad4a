"""A small OpenID provider over real HTTP, for tests of single sign-on: it lets everybody in at once.

It checks what a provider must (client, redirect address, code once, PKCE) and lies where a test asks it to.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from zhike.testing.rsa import KeyPair, make_key, sign


@cache
def key_of(seed: int) -> KeyPair:
    """Made once: it takes a second."""
    return make_key(seed)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


class Provider:
    """One provider on a free port.

    Attributes:
        claims: of the next person who signs in, beside those of the protocol.
        lie: changes the claims before they are signed. ``header``: of the token.
        signed_by: the seed of the key it signs with; it publishes ``published``.
        asked: requests by path.
    """

    client_id, client_secret = "zhike-desk", "s3cret:/+"

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "u-1", "email": "li@shop.example", "email_verified": True,
                                       "name": "李"}
        self.userinfo: dict[str, Any] | None = None
        self.lie: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "typ": "JWT", "kid": "k1"}
        self.signed_by = 1
        self.published = {"k1": 1}
        self.document: dict[str, Any] = {}
        self.status: dict[str, int] = {}
        self.offset_s = 0
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner._answer(self, b"")

            def do_POST(self) -> None:
                owner._answer(self, self.rfile.read(int(self.headers.get("content-length", "0"))))

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def visit(self, url: str) -> str:
        """What a browser does at the provider: the address it is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["response_type"] == "code"
        assert query["client_id"] == self.client_id
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back = urlencode({"code": code, "state": query["state"], "iss": self.issuer})
        return f"{query['redirect_uri']}?{back}"

    # ---- what it serves ------------------------------------------------------------------------

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        path = urlsplit(request.path).path
        self.asked.append(path)
        status = self.status.get(path, 0)
        found: dict[str, Any] = {"error": "asked for"}
        if not status:
            status, found = self._found(path, request, body)
        data = json.dumps(found).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _found(self, path: str, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, Any]]:
        match path:
            case "/.well-known/openid-configuration":
                return self._configuration()
            case "/jwks":
                return self._jwks()
            case "/token":
                return self._token(request, body)
            case "/userinfo" if self.userinfo is not None:
                return 200, self.userinfo
        return 404, {"error": "not found"}

    def _configuration(self) -> tuple[int, dict[str, Any]]:
        return 200, {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                     "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/jwks",
                     "userinfo_endpoint": f"{self.issuer}/userinfo", **self.document}

    def _jwks(self) -> tuple[int, dict[str, Any]]:
        rows = [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(key_of(seed).n),
                 "e": number(key_of(seed).e)} for kid, seed in self.published.items()]
        return 200, {"keys": [{"kty": "EC", "crv": "P-256", "kid": "other"}, *rows]}

    def _token(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            client, _, secret = base64.b64decode(pair).decode().partition(":")
            client, secret = unquote(client), unquote(secret)
        else:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if (client, secret) != (self.client_id, self.client_secret):
            return 401, {"error": "invalid_client"}
        begun = self._codes.pop(form.get("code", ""), None)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (begun is None or begun["redirect_uri"] != form.get("redirect_uri")
                or begun["code_challenge"] != challenge or form.get("grant_type") != "authorization_code"):
            return 400, {"error": "invalid_grant"}
        now_s = int(time.time()) + self.offset_s
        claims = {"iss": self.issuer, "aud": self.client_id, "exp": now_s + 300, "iat": now_s,
                  "nonce": begun["nonce"], **self.claims, **self.lie}
        claims = {name: value for name, value in claims.items() if value is not None}
        head = f"{b64(json.dumps(self.header).encode())}.{b64(json.dumps(claims).encode())}"
        token = f"{head}.{b64(sign(key_of(self.signed_by), head.encode()))}"
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": token}
