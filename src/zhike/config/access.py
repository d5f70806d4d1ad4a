# The annotations of this file are read at run time, so they are not postponed.
"""Settings of sign-in, rights and the record of changes."""

from typing import Annotated

from zhike.config.doc import Doc, Section

ROLES = ("analyst", "agent", "supervisor", "admin", "owner")


class Audit(Section, frozen=True):
    """zh: 操作记录。 en: The record of changes."""

    syslog: Annotated[str, Doc(
        "把每条操作记录同时发到 syslog 服务器（RFC 5424）：udp://主机:514、tcp://主机:601 或 unix:///dev/log。"
        "服务器连不上时先记着，恢复后补发；为空则不发。",
        "Send every entry to a syslog server too (RFC 5424): udp://host:514, tcp://host:601 or "
        "unix:///dev/log. What could not be sent is sent later; empty: none.")] = ""


class Privacy(Section, frozen=True):
    """zh: 个人信息。 en: Personal data."""

    clear_for: Annotated[str, Doc(
        "从哪个角色起能直接看到会话和客户资料里的手机号、证件号、地址、邮箱；更低的角色看到打码后的内容，"
        "客服可以逐条点开，每次都记入操作记录。",
        "From which role on phones, ids, addresses and e-mails in conversations and contacts are shown as "
        "they are. Lower roles see them masked; agents may reveal one at a time, and each time is recorded.",
        "choice", choices=ROLES)] = "agent"


class Oidc(Section, frozen=True):
    """zh: 单点登录（OpenID Connect）。 en: Single sign-on (OpenID Connect)."""

    issuer: Annotated[str, Doc(
        "身份提供方的 issuer 地址，例如 https://login.example.com/realms/shop；为空则没有单点登录。",
        "The provider's issuer, such as https://login.example.com/realms/shop; empty: no single sign-on.",
        "url")] = ""
    client_id: Annotated[str, Doc("在身份提供方登记的 client_id。",
                                  "The client_id registered with the provider.")] = ""
    client_secret: Annotated[str, Doc(
        "client_secret；公开客户端（只用 PKCE）不填。",
        "The client_secret; none for a public client, which has PKCE alone.", "secret")] = ""
    name: Annotated[str, Doc("登录页按钮上的名字，例如 公司账号。",
                             "What the button on the sign-in page says, such as Company account.")] = "SSO"
    domains: Annotated[tuple[str, ...], Doc(
        "允许哪些邮箱域名登录，例如 shop.example；为空表示不限（只认已有的客服）。",
        "Which domains' e-mail addresses may sign in, such as shop.example; empty: any, of agents who are "
        "there.", "list")] = ()
    create: Annotated[bool, Doc(
        "第一次登录的人自动建成客服；必须同时设 domains。关闭时只有已建好的客服能登录。",
        "Make an agent of whoever signs in for the first time; needs domains. Off: only those who are there.",
        "bool")] = False
    role: Annotated[str, Doc("自动建成的客服是什么角色。", "The role of agents who are made so.",
                             "choice", choices=("analyst", "agent", "supervisor"))] = "agent"
    allow_private: Annotated[bool, Doc(
        "身份提供方在内网时设为 true（可以用 http）；默认只能是公网的 https 或本机。",
        "True for a provider in a private network (there by http too); by default a public address by https, "
        "or this machine.", "bool")] = False
