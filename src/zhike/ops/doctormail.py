"""The doctor's look at mail: do the servers answer, do they let us in, is the folder there.

Nothing is sent, and nothing in the mailbox is touched.
"""

from __future__ import annotations

import asyncio
import re

from zhike.access.mailer import Mailer, MailError
from zhike.channels.mail.imap import Mailbox
from zhike.config.mail import Mail
from zhike.ops.doctor import Finding

WAIT_S = 8.0
"""For each answer of a server; one that takes longer makes every mail wait."""
_REFUSED = re.compile(r"5(?:30|34|35|38)\b")
"""Answers to a sign-in (RFC 4954)."""
_TLS = re.compile(r"SSL|TLS|certificate", re.IGNORECASE)


async def check_mail(settings: Mail) -> list[Finding]:
    """What is set up of mail: out (SMTP), in (IMAP)."""
    found = []
    if settings.host:
        found.append(await asyncio.to_thread(_smtp, settings))
    if settings.imap_host:
        found.append(await asyncio.to_thread(_imap, settings))
    return found


def _smtp(own: Mail) -> Finding:
    where = f"{own.host}:{own.port}"
    mailer = Mailer(own, timeout_s=WAIT_S)
    try:
        mailer.check()
    except MailError as error:
        why = str(error)
    else:
        return Finding("ok", f"SMTP {where} 可以发信", f"SMTP {where} takes mail")
    finally:
        mailer.close()
    if _REFUSED.match(why):
        return Finding("bad", f"SMTP {where} 拒绝登录（{why}）", f"SMTP {where} refuses the sign-in ({why})",
                       "请检查 mail.user 和 ZHIKE_MAIL__PASSWORD；QQ、163 等要填授权码，不是登录密码",
                       "check mail.user and ZHIKE_MAIL__PASSWORD; some providers want an app password")
    return _away("SMTP", where, why, own.security, "mail.host", "mail.port", "mail.security",
                 ("465 用 tls，587 用 starttls", "465 goes with tls, 587 with starttls"))


def _imap(own: Mail) -> Finding:
    import imaplib

    where = f"{own.imap_host}:{own.imap_port}"
    try:
        count = Mailbox(own, timeout_s=WAIT_S).check()
    except imaplib.IMAP4.abort as error:
        why = f"{type(error).__name__}: {error}"
    except imaplib.IMAP4.error as error:
        said = error.args[0] if error.args else ""
        why = (said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said))[:200]
        if why.startswith("folder "):
            return Finding("bad", f"IMAP {where} 里打不开文件夹 {own.imap_folder}（{why}）",
                           f"IMAP {where}: the {why} cannot be opened",
                           "请把 mail.imap_folder 改成邮箱里有的文件夹，通常是 INBOX",
                           "set mail.imap_folder to one that is there, usually INBOX")
        return Finding("bad", f"IMAP {where} 拒绝登录（{why}）", f"IMAP {where} refuses the sign-in ({why})",
                       "请检查 mail.imap_user 和 ZHIKE_MAIL__IMAP_PASSWORD；\n"
                       "QQ、163 等要先在网页邮箱里开启 IMAP，并填授权码",
                       "check mail.imap_user and ZHIKE_MAIL__IMAP_PASSWORD,\n"
                       "and that the provider lets IMAP in")
    except OSError as error:
        why = f"{type(error).__name__}: {error}"[:200]
    else:
        return Finding("ok", f"IMAP {where} 可以读信：{own.imap_folder} 里有 {count} 封",
                       f"IMAP {where} can be read: {count} mails in {own.imap_folder}")
    return _away("IMAP", where, why, own.imap_security, "mail.imap_host", "mail.imap_port",
                 "mail.imap_security",
                 ("993 用 tls，143 用 starttls", "993 goes with tls, 143 with starttls"))


def _away(what: str, where: str, why: str, security: str, host: str, port: str, setting: str,
          usual: tuple[str, str]) -> Finding:
    """It did not get as far as a sign-in."""
    if _TLS.search(why):
        return Finding("bad", f"{what} {where} 加密连接失败（{why}）",
                       f"{what} {where}: no encrypted connection ({why})",
                       f"现在是 {setting} = {security}，请与端口对上：{usual[0]}；\n"
                       f"证书要与 {host} 一致",
                       f"{setting} is {security}; it must fit the port: {usual[1]};\n"
                       f"the certificate must name {host}")
    return Finding("bad", f"{what} {where} 连不上（{why}）", f"{what} {where} cannot be reached ({why})",
                   f"请检查 {host}、{port}（{usual[0]}），以及云厂商或防火墙是否拦了这个端口",
                   f"check {host} and {port} ({usual[1]}), and whether a firewall or the provider blocks it")
