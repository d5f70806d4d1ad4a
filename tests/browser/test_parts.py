"""What goes with words: files by paste, drop and choice, and voices that no browser plays by itself."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import FilePayload, Locator, Route, expect

from zhike.testing.pages import Console, Lang, Visits, Widget, shot

AgentOf = Callable[[Lang], Console]
DROP = """(element, [kind, names, bytes]) => {
  const data = new DataTransfer()
  for (const name of names) data.items.add(new File([new Uint8Array(bytes)], name, {type: 'text/plain'}))
  const init = {bubbles: true, cancelable: true}
  if (kind === 'paste') element.dispatchEvent(new ClipboardEvent('paste', {...init, clipboardData: data}))
  else for (const type of ['dragenter', 'dragover', 'drop'])
    element.dispatchEvent(new DragEvent(type, {...init, dataTransfer: data}))
}"""
VOICE = b"#!AMR\n" + b"\x7c" * 100
"""Two seconds of silence, as a phone records it."""


def give(where: Locator, how: str, *names: str, data: bytes = b"words\n") -> None:
    """Pastes or drops files."""
    where.evaluate(DROP, [how, list(names), list(data)])


def test_files_are_pasted_dropped_and_sent_in_order_also_from_another_chat(
        visits: Visits, agent: AgentOf) -> None:
    widget = Widget(visits.page("zh"))
    widget.open(visits.url)
    widget.say("我想转人工客服")
    expect(widget.stored.first).to_be_visible()
    other = Widget(visits.page("zh"))
    other.open(visits.url)
    other.say("我也要转人工")
    expect(other.stored.first).to_be_visible()
    lin = agent("zh")
    lin.open(f"/conversations/{widget.conversation}")
    lin.take()
    shelf = lin.page.locator(".composer .shelf .one")

    give(lin.composer, "paste", "one.txt")
    give(lin.page.locator(".column.main"), "drop", "two.txt", "three.txt")
    expect(lin.page.locator(".composer .shelf .done")).to_have_count(3)
    lin.page.get_by_label("移除two.txt").click()
    expect(shelf).to_have_count(2)
    give(lin.composer, "paste", "page.txt", data=b"<!doctype html>")
    expect(lin.page.locator(".composer .shelf .failed")).to_contain_text("不收这种文件")
    expect(lin.page.locator(".composer [type=submit]")).to_be_disabled()
    lin.page.get_by_label("移除page.txt").click()

    # going to another chat and back loses nothing
    lin.tab("all")
    lin.open_here(other.conversation)
    expect(shelf).to_have_count(0)
    lin.open_here(widget.conversation)
    expect(shelf).to_have_count(2)
    lin.composer.fill("都在这里")
    lin.composer.press("Enter")
    sent = [re.compile("one.txt"), re.compile("three.txt")]
    expect(lin.page.locator(".msg.agent .files li")).to_have_text(sent)
    expect(widget.panel.locator(".row.agent .card b")).to_have_text(["one.txt", "three.txt"])

    # what is said later waits for the file that was sent first
    held: list[Route] = []
    lin.page.route("**/files?name=*", lambda route: held.append(route))
    chooser = lin.page.locator(".composer input[type=file]")
    chooser.set_input_files(FilePayload(name="late.txt", mimeType="text/plain", buffer=b"late\n"))
    lin.composer.press("Enter")
    lin.composer.fill("这是后说的")
    lin.composer.press("Enter")
    expect(lin.page.locator(".out .shelf")).to_be_visible()
    expect(lin.page.locator(".msg.agent", has_text="这是后说的")).to_have_count(0)
    held[0].continue_()
    lin.page.unroute("**/files?name=*")
    expect(lin.page.locator(".msg.agent").last).to_contain_text("这是后说的")
    expect(widget.panel.locator(".row.agent").last).to_contain_text("这是后说的")
    texts = lin.page.locator(".msg.agent").all_inner_texts()
    assert "late.txt" in texts[-2]

    # a note keeps its files from the visitor
    lin.key("n")
    give(lin.composer, "paste", "secret.txt")
    lin.composer.press("Enter")
    expect(lin.page.locator(".msg.note", has_text="secret.txt")).to_be_visible()
    expect(widget.panel.get_by_text("secret.txt")).to_have_count(0)


def test_a_voice_of_a_phone_is_heard_on_both_sides(visits: Visits, agent: AgentOf) -> None:
    widget = Widget(visits.page("en", viewport={"width": 390, "height": 844}))
    widget.open(visits.url)
    widget.say("a person please")
    expect(widget.stored.first).to_be_visible()
    chosen = widget.panel.locator("input[type=file]")
    chosen.set_input_files(FilePayload(name="voice.amr", mimeType="audio/amr", buffer=VOICE))
    widget.panel.get_by_role("button", name="Listen").click()
    assert widget.panel.locator("audio").evaluate(LENGTH) == 2

    lin = agent("en")
    lin.open(f"/conversations/{widget.conversation}")
    voice = lin.page.get_by_role("group", name="voice.amr")
    voice.get_by_role("button", name="Play voice message").click()
    expect(voice).to_contain_text("/ 0:02")
    voice.get_by_role("button", name="Speed 1×").click()
    assert voice.locator("audio").evaluate("a => a.playbackRate") == 1.5
    voice.get_by_role("slider").fill("1.5")
    assert voice.locator("audio").evaluate("a => a.currentTime") >= 1.4


LENGTH = """a => new Promise(done => a.duration ? done(a.duration)
  : a.onloadedmetadata = () => done(a.duration))"""


def test_a_product_and_an_order_go_both_ways(visits: Visits, agent: AgentOf) -> None:
    shop = visits.page("zh", viewport={"width": 390, "height": 844})
    widget = Widget(shop)
    shop.goto(f"{visits.url}/sample/product.html?id=dress-linen")
    widget.launcher.click()
    widget.panel.get_by_role("button", name="咨询这件商品").click()
    expect(widget.panel.locator(".row.me .card b")).to_have_text("亚麻长裙")
    expect(widget.panel.locator(".row.bot .bub").last).to_contain_text("亚麻长裙")
    expect(widget.panel.locator(".offer")).to_be_hidden()
    widget.say("我想转人工客服")
    expect(widget.stored).to_have_count(4)

    lin = agent("zh")
    lin.open(f"/conversations/{widget.conversation}")
    shown = lin.page.get_by_role("article", name="商品 · 亚麻长裙")
    expect(shown).to_contain_text("¥369")
    expect(shown.get_by_role("link")).to_have_attribute("href", re.compile("id=dress-linen"))
    lin.page.get_by_role("tab", name="店铺").click()
    expect(lin.page.get_by_text("这位客户没有订单。")).to_be_visible()
    lin.take()
    search = lin.page.get_by_label("查找商品")
    search.fill("羊毛开衫")
    send = lin.page.get_by_role("button", name="把羊毛开衫作为卡片发送")
    expect(lin.page.locator("#context-panel article")).to_have_count(1)
    widget.say("有没有暖和一点的")
    expect(lin.messages.last).to_contain_text("有没有暖和一点的")
    expect(search).to_have_value("羊毛开衫")  # what comes in meanwhile takes nobody's words away
    send.dblclick()
    expect(lin.page.locator(".msg.agent .card")).to_have_text(re.compile("羊毛开衫"))
    expect(lin.conversation(widget.conversation)).to_contain_text("羊毛开衫")
    card = widget.panel.locator(".row.agent .card")
    expect(card.locator("b")).to_have_text("羊毛开衫")
    expect(card).to_have_attribute("href", re.compile("/sample/product.html"))
    shot(lin.page, "cards-zh")
    shot(shop, "cards-widget-zh")
    expect(lin.conversation(widget.conversation).locator("..").locator(".news")).to_have_count(0)
