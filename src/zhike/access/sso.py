"""Single sign-on by OpenID Connect: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0).

What must be remembered between leaving for the provider and coming back (state, nonce, PKCE verifier, where
to go then) travels in a signed cookie of the person's own browser: no row, and any instance may answer. Who
comes back without that cookie did not begin here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from zhike.access.jose import BadToken, Key, claims_of, keys_of, kid_of
from zhike.access.outbound import Outbound, said
from zhike.access.targets import BadTarget, check_url
from zhike.access.tokens import b64decode, b64encode
from zhike.clock import NowMs
from zhike.config.access import Oidc
from zhike.domain.agent import Role
from zhike.errors import ZhikeError

COOKIE = "zhike_sso"
CALLBACK = "/api/v1/sso/callback"
WAY_S = 600
"""How long somebody may take at the provider."""
FRESH_S, RETRY_S = 3600.0, 10.0
"""How long the provider's document and keys are believed, and how soon an unknown key is asked for again."""
SKEW_S = 120
"""Clocks may differ by this."""
TIMEOUT_S, CONNECT_S = 10.0, 5.0
MAX_BYTES = 1 << 20
MAX_ADDRESS_CHARS = 200


class Way(msgspec.Struct, frozen=True):
    """What the cookie remembers. ``to``: a path of the console."""

    state: str
    nonce: str
    verifier: str
    to: str
    until_s: int


class Identity(NamedTuple):
    """Whom the provider vouches for. ``email``: "" unless the provider says that it is verified."""

    issuer: str
    subject: str
    email: str
    name: str


class Provider(NamedTuple):
    """The provider's own document, as far as it is used."""

    issuer: str
    authorize: str
    token: str
    jwks: str
    userinfo: str
    post_secret: bool


class SingleSignOn:
    """See the module.

    Args:
        settings: ``[oidc]``; an empty issuer switches it off.
        secret: signs the cookie.
        callback: our own address that the provider sends people back to.
    """

    def __init__(self, settings: Oidc, secret: bytes, callback: str, now: NowMs) -> None:
        self.settings = settings
        self._key = hmac.digest(secret, b"zhike single sign-on", "sha256")
        self._callback = callback
        self._now = now
        self._provider: tuple[float, Provider] | None = None
        self._keys: tuple[float, dict[str, Key]] = (0.0, {})

    @property
    def on(self) -> bool:
        """True if there is a provider."""
        return bool(self.settings.issuer)

    # ---- leaving -------------------------------------------------------------------------------

    async def begin(self, to: str) -> tuple[str, str]:
        """Where to send the browser, and the cookie's value.

        Raises:
            ZhikeError: not_found (no provider is set), sso_failed.
        """
        provider = await self._discovered()
        way = Way(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48),
                  to if to.startswith("/console/") and len(to) <= MAX_ADDRESS_CHARS else "/console/",
                  self._now() // 1000 + WAY_S)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(way.verifier.encode()).digest()).rstrip(b"=")
        query = urlencode({
            "response_type": "code", "client_id": self.settings.client_id, "redirect_uri": self._callback,
            "scope": "openid email profile", "state": way.state, "nonce": way.nonce,
            "code_challenge": challenge.decode(), "code_challenge_method": "S256"}, quote_via=quote)
        return provider.authorize + ("&" if "?" in provider.authorize else "?") + query, self._sealed(way)

    def _sealed(self, way: Way) -> str:
        body = b64encode(msgspec.json.encode(way))
        return f"{body.decode()}.{b64encode(hmac.digest(self._key, body, 'sha256')).decode()}"

    def _opened(self, cookie: str) -> Way:
        body, _, mac = cookie.encode("utf-8", "replace").rpartition(b".")
        right = b64encode(hmac.digest(self._key, body, "sha256"))
        try:
            if not body or not hmac.compare_digest(mac, right):
                raise ValueError
            way = msgspec.json.decode(b64decode(body), type=Way)
        except (ValueError, msgspec.DecodeError):
            raise ZhikeError("sso_refused", "Begin again from the sign-in page.") from None
        if way.until_s < self._now() // 1000:
            raise ZhikeError("sso_refused", "It took too long; begin again.")
        return way

    # ---- coming back ---------------------------------------------------------------------------

    async def finish(self, code: str, state: str, cookie: str) -> tuple[Identity, str]:
        """Who came back, and where they wanted to go.

        Raises:
            ZhikeError: sso_refused, sso_failed.
        """
        way = self._opened(cookie)
        if not hmac.compare_digest(way.state.encode(), state.encode("utf-8", "replace")):
            raise ZhikeError("sso_refused", "Begin again from the sign-in page.")
        provider = await self._discovered()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._callback,
                "code_verifier": way.verifier, "client_id": self.settings.client_id}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self.settings.client_secret and provider.post_secret:
            form["client_secret"] = self.settings.client_secret
        elif self.settings.client_secret:
            pair = f"{quote(self.settings.client_id, safe='')}:{quote(self.settings.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        answer = await self._fetch("POST", provider.token, headers, urlencode(form).encode())
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ZhikeError("sso_failed", "The provider gave no id_token.")
        try:
            claims = claims_of(token, await self._key_of(provider, kid_of(token)))
            self._check(claims, provider, way)
        except BadToken as error:
            raise ZhikeError("sso_refused", f"The provider's token: {error}.") from error
        if "email" not in claims and provider.userinfo and isinstance(answer.get("access_token"), str):
            more = await self._fetch("GET", provider.userinfo, {
                "Authorization": f"Bearer {answer['access_token']}", "Accept": "application/json"})
            if more.get("sub") == claims["sub"]:  # (Core, section 5.3.2)
                claims = {**more, **claims}
        return _identity(provider, claims), way.to

    def _check(self, claims: dict[str, Any], provider: Provider, way: Way) -> None:
        """Core, section 3.1.3.7.

        Raises:
            BadToken: it is not for us, not from there, not now.
        """
        now_s = self._now() // 1000
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != provider.issuer:
            raise BadToken("iss is another issuer")
        if self.settings.client_id not in audiences:
            raise BadToken("aud is another client")
        if len(audiences) > 1 and claims.get("azp") != self.settings.client_id:
            raise BadToken("azp is another client")
        for name in ("exp", "iat"):
            if not isinstance(claims.get(name), int | float) or isinstance(claims[name], bool):
                raise BadToken(f"{name} is missing")
        if claims["exp"] <= now_s - SKEW_S:
            raise BadToken("exp is past")
        if claims["iat"] > now_s + SKEW_S:
            raise BadToken("iat is in the future: compare the clocks")
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), way.nonce.encode()):
            raise BadToken("nonce is another sign-in's")
        if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:
            raise BadToken("sub is missing")

    # ---- the provider --------------------------------------------------------------------------

    async def _discovered(self) -> Provider:
        if not self.on:
            raise ZhikeError("not_found")
        now_s = self._now() / 1000
        if self._provider is not None and now_s - self._provider[0] < FRESH_S:
            return self._provider[1]
        issuer = self.settings.issuer
        found = await self._fetch("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration", {})
        if str(found.get("issuer")).rstrip("/") != issuer.rstrip("/"):
            raise ZhikeError("sso_failed", "The provider calls itself by another issuer than oidc.issuer.")
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        post = (isinstance(methods, list) and "client_secret_basic" not in methods
                and "client_secret_post" in methods)
        addresses = [found.get(name, "") for name in (
            "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")]
        if not all(isinstance(address, str) for address in addresses) or not all(addresses[:3]):
            raise ZhikeError("sso_failed", "The provider's document is not complete.")
        authorize, token, jwks, userinfo = addresses
        provider = Provider(found["issuer"], authorize, token, jwks, userinfo, post)
        try:
            check_url(provider.authorize, allow_private=self.settings.allow_private)
        except BadTarget as error:
            raise ZhikeError("sso_failed", f"authorization_endpoint: {error}") from error
        self._provider = (now_s, provider)
        return provider

    async def _key_of(self, provider: Provider, kid: str) -> Key:
        read_s, keys = self._keys
        now_s = self._now() / 1000
        if now_s - read_s >= FRESH_S or (kid not in keys and now_s - read_s >= RETRY_S):
            keys = keys_of(await self._fetch("GET", provider.jwks, {}))
            self._keys = (now_s, keys)
        key = keys.get(kid) or (next(iter(keys.values())) if not kid and len(keys) == 1 else None)
        if key is None:
            raise BadToken("it is signed with a key the provider does not publish")
        return key

    async def _fetch(self, method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> Any:
        import httpx2

        out = Outbound(allow_private=self.settings.allow_private)
        try:
            target = await out.resolve(url)
            async with out.request(method, target, headers=headers, body=body, timeout_s=TIMEOUT_S,
                                   connect_s=CONNECT_S) as response:
                data = b""
                async for part in response.aiter_bytes():
                    data += part
                    if len(data) > MAX_BYTES:
                        raise ZhikeError("sso_failed", "The provider's answer is too long.")
            if response.status_code != 200:
                # 400 to our code: it was used, or is not this browser's
                code = "sso_refused" if method == "POST" and response.status_code == 400 else "sso_failed"
                raise ZhikeError(code, f"The provider answered {response.status_code}.")
            found = msgspec.json.decode(data)
            if not isinstance(found, dict):
                raise ZhikeError("sso_failed", "The provider's answer is no JSON object.")
            return found
        except BadTarget as error:
            raise ZhikeError("sso_failed", str(error)) from error
        except (OSError, httpx2.HTTPError, httpx2.InvalidURL, msgspec.DecodeError) as error:
            raise ZhikeError("sso_failed", said(error)[:200]) from error
        finally:
            await out.close()

    # ---- who may come in -----------------------------------------------------------------------

    def check_domain(self, identity: Identity) -> None:
        """Whether somebody with this address may sign in.

        Raises:
            ZhikeError: sso_refused.
        """
        allowed = {domain.strip().lower().lstrip("@") for domain in self.settings.domains}
        if allowed and identity.email.lower().rpartition("@")[2] not in allowed:
            raise ZhikeError("sso_refused", "This address is not of an allowed domain, or not verified.")

    @property
    def new_role(self) -> Role | None:
        """The role of somebody who signs in for the first time; None: nobody is made."""
        return cast(Role, self.settings.role) if self.settings.create and self.settings.domains else None


def _identity(provider: Provider, claims: dict[str, Any]) -> Identity:
    email = claims.get("email")
    verified = claims.get("email_verified") in (True, "true")
    if not isinstance(email, str) or not verified or email.count("@") != 1 or len(email) > 200:
        email = ""
    name = next((claims[key] for key in ("name", "preferred_username")
                 if isinstance(claims.get(key), str) and claims[key].strip()), email.partition("@")[0])
    shown = "".join(char for char in name if char.isprintable()).strip()[:100]
    return Identity(provider.issuer, claims["sub"], email, shown or "SSO")


def host_of(url: str) -> str:
    """For the record: which provider vouched."""
    return urlsplit(url).hostname or url
