"""A push service with browsers, on real HTTPS: it checks who sends, and each browser reads its messages.

Written from RFC 8030, 8188, 8291 and 8292 beside what the product does, so that a fault of one is seen by the
other: keys are derived by ``cryptography``'s own HKDF here.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The reverse."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _derive(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    return HKDF(hashes.SHA256(), size, salt, info).derive(secret)


class Browser:
    """The keys of one subscription, and what it was shown. ``scalar``: its private key, for a vector."""

    def __init__(self, scalar: str = "", auth: str = "") -> None:
        self._private = (ec.derive_private_key(int.from_bytes(unb64(scalar)), ec.SECP256R1()) if scalar
                         else ec.generate_private_key(ec.SECP256R1()))
        self._auth = unb64(auth) if auth else os.urandom(16)
        self.point = self._private.public_key().public_bytes(*_POINT)
        self.keys = {"p256dh": b64(self.point), "auth": b64(self._auth)}

    def read(self, body: bytes) -> bytes:
        """The words of a message.

        Raises:
            cryptography.exceptions.InvalidTag: they are not for this browser.
        """
        salt, record_bytes, id_bytes = body[:16], int.from_bytes(body[16:20]), body[20]
        assert len(body) <= 4096 <= record_bytes + 86
        sender, sealed = body[21:21 + id_bytes], body[21 + id_bytes:]
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        common = _derive(self._auth, self._private.exchange(ec.ECDH(), theirs),
                         b"WebPush: info\0" + self.point + sender, 32)
        plain = AESGCM(_derive(salt, common, b"Content-Encoding: aes128gcm\0", 16)).decrypt(
            _derive(salt, common, b"Content-Encoding: nonce\0", 12), sealed, None)
        return plain.rstrip(b"\0").removesuffix(b"\x02")


class Pushed(NamedTuple):
    """A message as it came. ``claims``: of the token, whose signature was right."""

    path: str
    headers: dict[str, str]
    claims: dict[str, Any]
    shown: dict[str, Any]


def claims_of(authorization: str) -> tuple[dict[str, Any], str]:
    """(claims, public key) of a ``vapid`` header whose signature is right.

    Raises:
        InvalidSignature: it is not.
    """
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    head, _, signature = parts["t"].rpartition(".")
    if scheme != "vapid" or json.loads(unb64(head.split(".")[0])) != {"typ": "JWT", "alg": "ES256"}:
        raise InvalidSignature
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(parts["k"]))
    raw = unb64(signature)
    assert len(raw) == 64
    key.verify(encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])), head.encode(),
               ec.ECDSA(hashes.SHA256()))
    claims: dict[str, Any] = json.loads(unb64(head.split(".")[1]))
    return claims, parts["k"]


class PushService:
    """Answers 201 and keeps what came, read by the browser whose path it was.

    Attributes:
        answers: status lines by path, one for each request; then 201.
        known_key: who may send; a browser says so when it subscribes.
        trust: a context that trusts this service.
    """

    def __init__(self) -> None:
        self.browsers: dict[str, Browser] = {}
        self.answers: dict[str, list[str]] = {}
        self.known_key = ""
        self.got: asyncio.Queue[Pushed] = asyncio.Queue()
        self.tries = 0
        self.port = 0

    async def start(self) -> PushService:
        """Listens on a free port of this machine, as ``localhost``."""
        served, self.trust = _certificate()
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=served)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def stop(self) -> None:
        """Closes."""
        self._server.close()

    @property
    def origin(self) -> str:
        """For whom a token is good."""
        return f"https://localhost:{self.port}"

    def subscribe(self, path: str) -> dict[str, Any]:
        """A new browser, as it tells a desk of itself."""
        browser = self.browsers[path] = Browser()
        return {"endpoint": f"{self.origin}{path}", "keys": browser.keys}

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        path = head[0].split(" ")[1]
        body = await reader.readexactly(int(headers["content-length"]))
        self.tries += 1
        answer = self._answer(path, headers, body)
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> str:
        if self.answers.get(path):
            return self.answers[path].pop(0)
        try:
            claims, key = claims_of(headers["authorization"])
        except (InvalidSignature, KeyError, ValueError):
            return "401 Unauthorized"
        if claims["aud"] != self.origin or (self.known_key and key != self.known_key):
            return "403 Forbidden"
        if len(body) > 4096 or headers["content-encoding"] != "aes128gcm" or not headers["ttl"].isdigit():
            return "400 Bad Request"
        self.got.put_nowait(Pushed(path, headers, claims, json.loads(self.browsers[path].read(body))))
        return "201 Created"


def _certificate() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of ``localhost``: to serve with, and to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "both.pem"
        path.write_bytes(public + private)
        served.load_cert_chain(path)
    return served, ssl.create_default_context(cadata=public.decode())
