"""What is read from mails as programs write them: own words, tokens, files, and who wrote no mail at all."""

from __future__ import annotations

import time
from email.message import EmailMessage

import pytest

from zhike.channels.mail.ownwords import own_words
from zhike.channels.mail.parse import parse, text_of_html
from zhike.channels.mail.words import MARK

QUOTED = f"> {MARK['zh']}\n>\n> 小王 回复：\n> 今天发货\n"


@pytest.mark.parametrize("below", [
    f"On Thu, 26 Nov 2026 at 10:00, Shop <help@shop.example> wrote:\n\n{QUOTED}",
    f"On Thu, 26 Nov 2026 at 10:00, Shop\n<help@shop.example> wrote:\n\n{QUOTED}",
    f"2026年11月26日 10:00，山茶小店 <help@shop.example> 写道：\n\n{QUOTED}",
    f"在 2026-11-26 10:00:00，\"山茶小店\" <help@shop.example> 写道：\n{QUOTED}",
    "------------------ 原始邮件 ------------------\n发件人: \"山茶小店\" <help@shop.example>;\n今天发货",
    "-----Original Message-----\nFrom: Shop\nSent: Thursday\nTo: Lin\nSubject: x\n\nshipped",
    "________________________________\n发件人: 山茶小店\n发送时间: 2026年11月26日\n收件人: lin\n"
    "主题: x\n\n今天发货",
    "发件人：山茶小店\n发送时间：2026年11月26日\n收件人：lin\n主题：x\n\n今天发货",
    f"发自我的 iPhone\n\n> 在 2026年11月26日，上午10:00，山茶小店 <help@shop.example> 写道：\n> \n{QUOTED}",
    "-- \n林小姐\n上海",
    QUOTED,
    ""])
def test_only_the_own_words_are_taken(below: str) -> None:
    own = "好的，谢谢。\n- 第一，地址是 1 号\n- 第二，下午送\n\n李"
    assert own_words(f"{own}\n\n{below}") == own
    assert own_words(f"{own}\r\n\r\n{below}".replace("\n", "\r\n")) == own


def test_words_that_look_like_a_quotation_stay() -> None:
    for text in ("收件人: 林", "from: me to: you", "谢谢，\n祝好", "时间：下午\n- 可以吗", "> 引用\n我回答"):
        assert own_words(text) == text


def test_a_crafted_mail_costs_no_time() -> None:
    began = time.perf_counter()
    for text in ("From: " * 50_000, "On " + "a " * 200_000, "\n> " * 100_000, "_" * 500_000, "<a@" * 100_000):
        own_words(text)
        text_of_html(f"<div>{text}")
    assert time.perf_counter() - began < 10


def mail(body: str = "好的", **heads: str) -> EmailMessage:
    made = EmailMessage()
    for name, value in {"From": "林 <lin@mail.example>", "Message-ID": "<m1@mail.example>", **heads}.items():
        made[name.replace("_", "-")] = value
    made.set_content(body)
    return made


@pytest.mark.parametrize(("charset", "named"), [
    ("gb18030", "gb2312"), ("utf-8", "utf-8"), ("utf-8", "x-nonsense"), ("gb18030", ""), ("big5", "big5")])
def test_characters_are_read_whatever_they_are_called(charset: str, named: str) -> None:
    text = "請問甚麼時候發貨" if charset == "big5" else "什么时候发货？囍"
    head = f"Content-Type: text/plain{f'; charset={named}' if named else ''}\r\n"
    raw = f"From: lin@mail.example\r\nMessage-ID: <a@b>\r\n{head}\r\n".encode() + text.encode(charset)
    assert parse(raw, "").text == text


def test_a_page_becomes_text_without_what_it_quotes() -> None:
    made = EmailMessage()
    made["From"] = "lin@mail.example"
    made.set_content("<style>p{}</style><p>好的</p><div>明天<br>下午</div><blockquote>今天发货</blockquote>"
                     "<script>x</script>", subtype="html")
    assert parse(made.as_bytes(), "").text.split() == ["好的", "明天", "下午"]


def test_files_are_taken_within_bounds() -> None:
    made = mail("看图")
    for number in range(12):
        made.add_attachment(b"\x89PNG" + b"x" * 10, maintype="image", subtype="png",
                            filename=f"图{number}.png")
    got = parse(made.as_bytes(), "")
    assert [file.name for file in got.files][:2] == ["图0.png", "图1.png"]
    assert (len(got.files), got.left_out) == (10, 2)
    assert parse(made.as_bytes()[:400], "", whole=False).left_out == 1


@pytest.mark.parametrize(("heads", "kind"), [
    ({}, "person"), ({"Auto_Submitted": "no"}, "person"), ({"Auto_Submitted": "auto-replied"}, "auto"),
    ({"Precedence": "bulk"}, "auto"), ({"X_Autoreply": "yes"}, "auto"), ({"List_Id": "<x.y>"}, "auto"),
    ({"Return_Path": "<>"}, "auto"), ({"From": "Shop <HELP@shop.example>"}, "own"),
    ({"From": "MAILER-DAEMON@mx.example"}, "bounce"), ({"From": "PostMaster@qq.com"}, "bounce")])
def test_what_no_person_wrote_is_known(heads: dict[str, str], kind: str) -> None:
    assert parse(mail(**heads).as_bytes(), "help@shop.example").kind == kind


@pytest.mark.parametrize("said", ["退订", "TD", "Stop.", "unsubscribe"])
def test_words_that_stop_the_mail(said: str) -> None:
    assert parse(mail(f"{said}\n\n{QUOTED}").as_bytes(), "").asks_to_stop
    assert not parse(mail(f"请问怎么{said}某个商品？").as_bytes(), "").asks_to_stop


def test_why_a_mail_came_back_is_read() -> None:
    raw = (b"From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; "
           b"boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsorry\r\n--b\r\n"
           b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
           b"Final-Recipient: rfc822; lin@mail.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
           b"Diagnostic-Code: smtp; 550 no such user\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
           b"Message-ID: <zk-1-2-x@shop.example>\r\n\r\n--b--\r\n")
    got = parse(raw, "")
    assert (got.kind, got.why) == ("bounce", "5.1.1 smtp; 550 no such user")
    assert "zk-1-2-x" in " ".join(got.places)


@pytest.mark.parametrize("raw", [b"", b"\0\xff\xfe", b"From: \xff\xff\r\nSubject: =?x?Q?=ff?=\r\n\r\n\xff",
                                 b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n--a\r\n" * 50,
                                 b"Content-Type: text/plain; charset=utf-16\r\n\r\nabc\0",
                                 b"From: a\r\n" + b"To: x\r\n" * 5000 + b"\r\nhi"])
def test_nothing_that_comes_raises(raw: bytes) -> None:
    got = parse(raw, "")
    assert "\0" not in got.text
    assert got.client_msg_id == parse(raw, "").client_msg_id
    assert len(got.client_msg_id) <= 64
