# The annotations of this file are read at run time, so they are not postponed.
"""Settings of mail: how it goes out."""

from typing import Annotated

from zhike.config.doc import Doc, Section

SECURITY = ("starttls", "tls", "none")


class Mail(Section, frozen=True):
    """zh: 邮件：把通知发给客服和管理员。 en: Mail: notices to agents and operators."""

    host: Annotated[str, Doc(
        "SMTP 服务器，例如 smtp.example.com；为空则不发邮件。",
        "The SMTP server, such as smtp.example.com; empty: no mail is sent.")] = ""
    port: Annotated[int, Doc("SMTP 端口：starttls 常用 587，tls 常用 465。",
                             "Its port: usually 587 for starttls, 465 for tls.", "int", 1, 65535)] = 587
    security: Annotated[str, Doc(
        "starttls、tls，或 none（不加密，只用于本机或内网）。",
        "starttls, tls, or none (not encrypted: for this machine or your own network).", "choice",
        choices=SECURITY)] = "starttls"
    user: Annotated[str, Doc("SMTP 用户名；为空则不登录。", "The SMTP user; empty: no sign-in.")] = ""
    password: Annotated[str, Doc("SMTP 密码（授权码）。", "The SMTP password.", "secret")] = ""
    sender: Annotated[str, Doc(
        "发件地址，例如 help@shop.example；可以带名字：客服中心 <help@shop.example>。",
        "The address mail comes from, such as help@shop.example; a name may stand before it: Shop help "
        "<help@shop.example>.")] = ""
