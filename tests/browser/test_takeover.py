"""An agent watches, takes over, answers, notes, and returns to the bot; nobody else speaks meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from zhike.testing.pages import Console, Lang, Visits, Widget

AgentOf = Callable[[Lang], Console]
WORDS: dict[Lang, dict[str, str]] = {
    "zh": {"first": "羊毛衫能机洗么", "source": "来源：羊毛衫怎么洗？", "name": "林晓",
           "hello": "您好，我来帮您看看。", "note": "内部：这位是老顾客，上次也问过",
           "known": "可以开发票吗", "reply": "可以，我帮您开。",
           "again": "你们店在哪里", "again_source": "来源：你们有实体店吗？",
           "taken": "客服 林晓 已接入，为您服务。", "status": "客服林晓为您服务",
           "left": "人工客服已结束服务，由机器人继续为您解答。",
           "bot": "机器人即时回复", "queue": "正在为您转接客服，可以继续留言", "human": "我想转人工客服。",
           "return": "交还机器人", "page": "松间里 · 好好过日子的衣物与家居"},
    "en": {"first": "can I machine wash the wool cardigan", "source": "Source: How do I wash wool?",
           "name": "Wang Lei", "hello": "Hello, let me have a look.",
           "note": "Internal: asked the same last week", "known": "can i get an invoice",
           "reply": "Yes, I'll make one for you.", "again": "do you have a physical store",
           "again_source": "Source: Do you have physical stores?",
           "taken": "Wang Lei has joined and is here to help.", "status": "Wang Lei is with you",
           "left": "Our agent has left; the bot is here for further questions.",
           "bot": "The bot answers at once", "queue": "Waiting for a person — you can keep writing",
           "human": "I would like to talk to a person.", "return": "Return to bot",
           "page": "Pinelane · clothes and things for home"},
}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_take_over_answer_and_return_to_the_bot(visits: Visits, agent: AgentOf, lang: Lang) -> None:
    words = WORDS[lang]
    console = agent(lang)
    console.open("/conversations")
    widget = Widget(visits.page(lang))
    widget.open(visits.url)

    # The bot answers; the agent, who looks at another list, sees nothing that needs anybody.
    widget.say(words["first"])
    expect(widget.row(2).locator(".src")).to_have_text(words["source"])

    # The visitor asks for a person: the list of the agent shows it without a reload.
    widget.human.click()
    expect(widget.row(3)).to_contain_text(words["human"])
    waiting = console.conversation(widget.conversation)
    expect(waiting).to_have_class(re.compile(r"\bneeds\b"))
    expect(widget.status).to_have_text(words["queue"])
    before = len(widget.talk())
    waiting.click()
    expect(console.messages.first).to_contain_text(words["first"])
    expect(console.page.locator(".context dd a")).to_have_text(words["page"])

    # Where the visitor is in the shop, and where they go on to, with what they opened it.
    expect(console.page.locator(".now .where")).to_have_text(words["page"])
    expect(console.page.locator(".now")).to_have_class(re.compile(r"\bhere\b"))
    expect(console.page.locator(".device")).to_contain_text("Linux")
    widget.page.evaluate("history.pushState({}, '', '?sid=hush&utm_source=mail'); document.title = 'Scarf'")
    expect(console.page.locator(".now .where")).to_have_text("Scarf")
    expect(console.page.locator(".now .where")).to_have_attribute("href", re.compile(r"\?utm_source=mail$"))
    expect(console.page.locator("ol li a")).to_have_text([words["page"]])

    # A private note, then take-over and reply.
    console.say(words["note"], note=True)
    console.take()
    expect(widget.status).to_have_text(words["status"])
    expect(widget.page.locator(".row.system").filter(has_text=words["taken"])).to_have_count(1)
    console.say(words["hello"])
    expect(widget.page.locator(".row.agent").filter(has_text=words["hello"])).to_have_count(1)
    expect(widget.page.locator(".row.agent .who")).to_contain_text(words["name"])
    expect(widget.human).to_be_hidden()

    # What the bot knows by heart is left to the agent.
    widget.say(words["known"])
    expect(console.messages.filter(has_text=words["known"])).to_have_count(1)
    console.say(words["reply"])
    expect(widget.page.locator(".row.agent").filter(has_text=words["reply"])).to_have_count(1)
    held = [(who, text) for _, who, text in widget.talk()[before:] if who != "system"]
    assert held == [("agent", words["hello"]), ("me", words["known"]), ("agent", words["reply"])]

    # Back to the bot: the visitor is told, and the bot answers again.
    console.page.get_by_role("button", name=words["return"]).click()
    expect(widget.status).to_have_text(words["bot"])
    expect(widget.page.locator(".row.system").last).to_have_text(re.compile(re.escape(words["left"])))
    widget.say(words["again"])
    expect(widget.page.locator(".row.bot .src").last).to_have_text(words["again_source"])
    expect(console.messages.last.locator(".bubble")).to_have_text(
        widget.talk()[-1][2], use_inner_text=True)

    # The note took a number of its own and reached neither the page nor the wire.
    assert words["note"] in console.said()
    assert not any(words["note"] in text for _, _, text in widget.talk())
    assert any(words["reply"] in frame for frame in widget.heard)
    assert not any(words["note"] in frame or '"note"' in frame for frame in widget.heard)
    numbers = [seq for seq, _, _ in widget.talk()]
    assert numbers == sorted(set(numbers))


def test_both_see_the_other_write_and_read(visits: Visits, agent: AgentOf) -> None:
    console = agent("zh")
    console.open("/conversations")
    widget = Widget(visits.page("zh"))
    widget.open(visits.url)
    widget.say("转人工")
    expect(widget.status).to_have_text("正在为您转接客服，可以继续留言")
    console.conversation(widget.conversation).click()
    console.take()
    widget.input.press_sequentially("还有")
    expect(console.page.locator(".typing")).to_contain_text("正在输入")
    widget.input.fill("")
    console.composer.press_sequentially("请讲")
    expect(widget.page.locator(".dots")).to_be_visible()
    console.composer.press("Enter")
    expect(widget.page.locator(".row.agent")).to_have_count(1)
    # The visitor's page is in front and its end in sight: read.
    widget.page.bring_to_front()
    expect(console.messages.last.locator(".meta")).to_contain_text("已读")
    # With the chat closed, what comes is counted on the launcher.
    widget.page.keyboard.press("Escape")
    expect(widget.panel).to_be_hidden()
    console.say("第二条")
    expect(widget.page.locator(".badge")).to_have_text("1")
    expect(widget.launcher).to_have_attribute("aria-label", "打开咨询窗口，1 条新消息")
    widget.launcher.click()
    expect(widget.page.locator(".badge")).to_be_hidden()
    expect(widget.page.locator(".row.agent .bub").last).to_have_text("第二条")


def test_why_the_bot_said_it(visits: Visits, agent: AgentOf) -> None:
    widget = Widget(visits.page("en"))
    widget.open(visits.url)
    widget.say("who pays for return postage, please")
    expect(widget.row(2).locator(".src")).to_have_text("Source: Who pays for return shipping?")
    console = agent("en")
    console.open("/conversations")
    console.tab("bot")
    console.conversation(widget.conversation).click()
    console.page.locator(".why").last.click()
    sentence = console.page.locator(".trace p").inner_text()
    assert re.match(r"Matched the article “Who pays for return shipping\?”, \d+% certain", sentence), sentence


def test_resolve_can_be_undone_and_the_next_word_begins_anew(visits: Visits, agent: AgentOf) -> None:
    console = agent("zh")
    widget = Widget(visits.page("zh"))
    widget.open(visits.url)
    widget.say("转人工")
    expect(widget.status).to_have_text("正在为您转接客服，可以继续留言")
    console.page.clock.install()
    console.open("/conversations")
    console.conversation(widget.conversation).click()
    console.take()
    console.key("e")
    expect(console.page.locator(".over")).to_be_visible()
    console.page.get_by_role("button", name="撤销").click()
    expect(console.composer).to_be_visible()
    console.key("e")
    with console.page.expect_response("**/resolve"):
        console.page.clock.fast_forward(7_000)  # the time in which it can be undone
    expect(widget.status).to_have_text("会话已结束，发送消息可重新开始")
    widget.say("可以开发票吗")
    expect(widget.row(2).locator(".src")).to_have_text("来源：怎么开发票？")
    expect(widget.page.locator(".day").last).to_contain_text("新的会话")
