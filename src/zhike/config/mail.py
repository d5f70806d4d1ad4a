# The annotations of this file are read at run time, so they are not postponed.
"""Settings of mail: how it goes out."""

from typing import Annotated

from zhike.config.doc import Doc, Section

SECURITY = ("starttls", "tls", "none")


class Mail(Section, frozen=True):
    """zh: 邮件：通知同事，把回复发给离开的访客，读他们的回信。
    en: Mail: notices to colleagues, replies to visitors who left, and their answers."""

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
    reply_to: Annotated[str, Doc(
        "访客的回信寄到哪里：下面 IMAP 读取的邮箱地址；为空时就是发件地址。",
        "Where visitors' answers go: the address of the mailbox that IMAP reads; empty: the sender's.")] = ""
    plus: Annotated[bool, Doc(
        "邮箱支持“名字+任意内容@域名”这样的地址（Gmail 等支持，QQ、163 不支持）。不开也能认出回信。",
        "The mailbox takes addresses such as name+anything@host (Gmail does, QQ and 163 do not). Answers are "
        "known without it, too.", "bool")] = False
    imap_host: Annotated[str, Doc(
        "收回信的 IMAP 服务器，例如 imap.example.com；为空则不读。",
        "The IMAP server with the answers, such as imap.example.com; empty: none is read.")] = ""
    imap_port: Annotated[int, Doc("IMAP 端口：tls 常用 993，starttls 常用 143。",
                                  "Its port: usually 993 for tls, 143 for starttls.", "int", 1, 65535)] = 993
    imap_security: Annotated[str, Doc(
        "tls、starttls，或 none（不加密，只用于本机或内网）。",
        "tls, starttls, or none (not encrypted: for this machine or your own network).", "choice",
        choices=SECURITY)] = "tls"
    imap_user: Annotated[str, Doc("IMAP 用户名。", "The IMAP user.")] = ""
    imap_password: Annotated[str, Doc("IMAP 密码（授权码）。", "The IMAP password.", "secret")] = ""
    imap_folder: Annotated[str, Doc("读哪个文件夹；只读，不改动里面的邮件。",
                                    "The folder to read; mails in it are never changed.")] = "INBOX"
    look_every_s: Annotated[float, Doc("多久看一次邮箱。", "How often to look.", "duration", 5, 3600)] = 30.0
    inbox: Annotated[str, Doc(
        "不是回信的来信放进哪个收件箱（填它的 key），作为新会话；为空则不理会，只计数。",
        "The inbox (its key) in which mails that answer none of ours begin a conversation; empty: they are "
        "left alone and counted.")] = ""
    pipe_secret: Annotated[str, Doc(
        "用 POST /api/v1/mail/incoming 送邮件进来时签名用的密钥，至少 16 个字符；不设则不接收。",
        "Signs mails that are brought by POST /api/v1/mail/incoming, 16 characters at least; none: they "
        "are refused.", "secret")] = ""
