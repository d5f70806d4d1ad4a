"""The mail that brings a reply: what it says, how it threads, and which token an answer carries."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

from zhike.access.mailtokens import MailTokens, Named
from zhike.channels.mail.letter import From, Letter, compose
from zhike.domain.attachment import Attachment
from zhike.domain.card import Card
from zhike.domain.message import Mailed, Message, Payload, encode

TOKENS = MailTokens(b"0123456789abcdef")
SHOP = From("山茶小店", "help@shop.example", "help@shop.example", False, "https://desk.example",
            "https://shop.example/help")


def said(seq: int, text: str, who: Any = "agent", direction: Any = "outgoing", **payload: Any) -> Message:
    payload["name"] = "小王" if who == "agent" else ""
    return Message(42, seq, direction, who, text, 1_790_000_000_000,
                   payload=encode(Payload(**payload)).decode())


def letter(*new: Message, past: tuple[Message, ...] = (), sender: From = SHOP, **more: Any) -> Letter:
    own = {"lang": "zh", "read": lambda file: b"x" * file.size_bytes,
           "link": lambda file: f"https://desk.example/files/{file.id}", **more}
    return compose(sender, "lin@mail.example", own.pop("lang"), new, past, TOKENS, 1_790_000_000_000, **own)


def plain(made: Letter) -> str:
    read = message_from_bytes(made.message.as_bytes(policy=policy.SMTP), policy=policy.default)
    body = read.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_it_says_who_replied_and_what_was_said_before() -> None:
    made = letter(said(7, "已经发货了"), said(8, "单号 SF123"), past=(
        said(1, "你好", "contact", "incoming"), said(2, "内部", direction="note"),
        said(3, "您已进入排队", "system"), said(4, "", recalled=True), said(5, "请稍等", "bot"),
        said(6, "什么时候\n发货？", "contact", "incoming")))
    text = plain(made)
    assert text.index("请在这行以上回复") < text.index("小王 回复：") < text.index("已经发货了")
    assert text.count("小王 回复：") == 1
    assert "> 您: 你好\n> 机器人: 请稍等\n> 您: 什么时候 发货？" in text
    assert "内部" not in text
    assert "排队" not in text
    assert "https://shop.example/help" in text
    assert str(made.message["Subject"]) == "山茶小店 回复了您"
    assert str(made.message["From"]) == "山茶小店 <help@shop.example>"
    html = made.message.get_body(("html",))
    assert html is not None
    assert "SF123" in html.get_content()


def test_english_where_the_visitor_speaks_it() -> None:
    text = plain(letter(said(7, "Shipped."), lang="en-GB"))
    assert "小王 replied:" in text
    assert "Just answer this mail" in text


def test_a_visitor_cannot_write_into_headers_or_the_page() -> None:
    made = letter(said(7, "<script>alert(1)</script>"), sender=SHOP._replace(shop="店\r\nBcc: x@y.example"),
                  past=(said(6, "<img src=x>", "contact", "incoming",
                             mailed=Mailed("<a@b>\r\nX: y", "Re: 订单\r\nBcc: evil@x.example")),))
    assert made.message["Bcc"] is None
    assert made.message["X"] is None
    html = made.message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "<img" not in html.get_content()


def test_every_attempt_has_the_same_id_and_all_mails_one_root() -> None:
    first, again, other = letter(said(7, "a")), letter(said(7, "a"), said(8, "b")), letter(said(9, "c"))
    assert first.id == again.id != other.id
    assert TOKENS.find(first.id) == Named(42, 7)
    root = str(first.message["References"])
    assert root == str(other.message["References"]) == str(first.message["In-Reply-To"])
    assert TOKENS.find(root) == Named(42, 0)


def test_an_answer_to_a_mail_names_it_and_keeps_its_subject() -> None:
    made = letter(said(7, "好的"), past=(said(6, "退货", "contact", "incoming",
                                            mailed=Mailed("<qq-1@qq.com>", "退货 申请")),))
    assert str(made.message["In-Reply-To"]) == "<qq-1@qq.com>"
    assert str(made.message["References"]).split()[-1] == "<qq-1@qq.com>"
    assert str(made.message["Subject"]) == "Re: 退货 申请"


def test_where_answers_go() -> None:
    assert str(letter(said(7, "a")).message["Reply-To"]) == "help@shop.example"
    made = letter(said(7, "a"), sender=SHOP._replace(plus=True))
    token = str(made.message["Reply-To"])
    assert token.startswith("help+zk-42-7-")
    assert len(token.partition("@")[0]) <= 64, "the longest local part (RFC 5321)"
    assert TOKENS.find(token.upper()) == Named(42, 7)


def test_it_can_be_stopped_by_one_click_and_by_mail() -> None:
    head = letter(said(7, "a")).message
    stop = str(head["List-Unsubscribe"])
    assert "<https://desk.example/mail/stop?t=zk-42-7-" in stop
    assert "<mailto:help@shop.example?subject=unsubscribe%20zk-42-7-" in stop
    assert str(head["List-Unsubscribe-Post"]) == "List-Unsubscribe=One-Click"


def test_small_files_go_along_large_ones_as_links() -> None:
    small = Attachment(1, "发票.pdf", "application/pdf", "document", 1000)
    large = Attachment(2, "film.mp4", "video/mp4", "video", 6 << 20)
    gone = Attachment(3, "gone.png", "image/png", "image", 10)
    made = letter(said(7, "", attachments=(small, large, gone)),
                  said(8, "看这个", cards=(Card("link", "https://shop.example/p/1", "羊毛衫"),
                                          Card("link", "javascript:x", "bad"))),
                  read=lambda file: None if file.id == 3 else b"x")
    assert [part.get_filename() for part in made.message.iter_attachments()] == ["发票.pdf"]
    text = plain(made)
    assert "film.mp4: https://desk.example/files/2" in text
    assert "羊毛衫: https://shop.example/p/1" in text
    assert "javascript" not in text


def test_what_is_masked_does_not_leave() -> None:
    made = letter(said(7, "电话 13800138000"), past=(said(6, "我的 13800138000", "contact", "incoming"),),
                  clean=lambda text: text.replace("13800138000", "[PHONE_1]"))
    assert b"13800138000" not in made.message.as_bytes()
    assert plain(made).count("[PHONE_1]") == 2


def test_only_genuine_tokens_count_and_the_last_one_wins() -> None:
    good, newer = TOKENS.make(42, 7), TOKENS.make(42, 9)
    assert TOKENS.find(f"<{good}@a> <{newer}@a>") == Named(42, 9)
    assert TOKENS.find(f"<{good}@a> <{newer[:-1]}a@a>", "") in (Named(42, 7), Named(42, 9))
    assert TOKENS.find(good.replace("zk-42", "zk-43")) is None
    assert MailTokens(b"another secret..").find(good) is None
    assert TOKENS.find("", "no token", f"Fw: {good.upper()}") == Named(42, 7)
