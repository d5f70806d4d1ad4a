"""Teams, tags, canned responses and who is notified as YAML: no number of the database, no secret."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine

from zhike.config import ConfigError
from zhike.domain.attachment import Attachment
from zhike.domain.canned import Canned
from zhike.domain.team import Team
from zhike.errors import ZhikeError
from zhike.ops.configfile import export, read_text
from zhike.ops.configplan import apply, describe, make_plan
from zhike.store import agents, canned, canned_files, inboxes, notify, tables, tags, teams

FILE = """\
zhike: 1
teams:
  - {key: sales, name: 售前组, settings: {strategy: least_busy, languages: [zh], overflow_team: all, overflow_after_s: 60}}
  - {key: all, name: 大家}
inboxes:
  - key: web
    settings:
      team: sales
      hours: {timezone: Asia/Shanghai, week: {mon: [["09:00", "18:00"]]}, holidays: cn, closed: [2026-12-31]}
      csat: {enabled: true, question: {zh: 怎么样？}}
      offline_form: {enabled: true, fields: [name, phone]}
      wrap_ups: [退货, 12]
      auto_resolve_after_s: 3600
tags:
  - {name: 退款, colour: "#c0392b"}
canned:
  - {shortcut: fapiao, lang: zh, folder: 发票, team: sales, text: "您好，{{contact.name}}"}
notify_targets:
  - {name: 值班群, kind: wecom, address: "https://qyapi.example/send?key=SECRETKEY", inboxes: [web], teams: [sales], after_s: 45}
  - {name: 邮件, kind: email, address: "a@shop.example", wants: [trouble]}
"""  # noqa: E501


@pytest.fixture
def conn() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as made:
        tables.metadata.create_all(made)
        yield made


def text_of(conn: Connection) -> str:
    return "".join(export(conn))


def said(error: pytest.ExceptionInfo[ConfigError]) -> str:
    return "\n".join(str(problem.where) + ": " + problem.text("en") for problem in error.value.problems)


def test_all_of_it_goes_in_comes_out_and_goes_in_elsewhere(conn: Connection) -> None:
    plan = apply(conn, read_text(FILE), 5)
    assert (plan.count("add"), plan.same) == (7, 0)
    sales, everybody = teams.listed(conn)
    assert (sales.key, sales.settings.strategy, sales.settings.overflow_team_id) == (
        "sales", "least_busy", everybody.id)
    box = inboxes.list_inboxes(conn)[0]
    assert box.settings["team_id"] == sales.id
    assert box.settings["hours"]["week"] == {"mon": [["09:00", "18:00"]]}
    assert "team" not in box.settings
    assert (box.settings["hours"]["closed"], box.settings["auto_resolve_after_s"]) == (["2026-12-31"], 3600)
    assert (box.settings["csat"]["enabled"], box.settings["wrap_ups"]) == (True, ["退货", "12"])
    (one,) = canned.page(conn, canned.Wanted(all_teams=True), 0, 10)
    assert (one.team_id, one.owner_id, one.text) == (sales.id, 0, "您好，{{contact.name}}")
    group, mail = notify.listed(conn)
    assert (group.body.inbox_ids, group.body.team_ids, group.body.after_s) == ((box.id,), (sales.id,), 45)
    assert mail.body.wants == ("trouble",)
    assert [tag.name for tag in tags.list_tags(conn)] == ["退款"]

    again = apply(conn, read_text(FILE), 6)
    assert (again.changes, again.same) == ([], 7)
    written = text_of(conn)
    assert "SECRETKEY" not in written
    assert "a@shop.example" in written
    assert "team_id" not in written
    assert "team: sales" in written
    back = apply(conn, read_text(written), 7)
    assert back.changes == []
    assert text_of(conn) == written

    with create_engine("sqlite://").connect() as other:  # where the numbers are others
        tables.metadata.create_all(other)
        teams.create(other, Team(0, "first", "先来的"), 1)
        apply(other, read_text(FILE), 5)
        assert text_of(other).replace("  - key: first\n    name: 先来的\n", "") == written


def test_what_is_secret_stays_and_a_new_target_needs_it(conn: Connection) -> None:
    apply(conn, read_text(FILE), 5)
    short = text_of(conn).replace("after_s: 45", "after_s: 90")
    plan = make_plan(conn, read_text(short))
    assert [(change.noun, sorted(change.fields)) for change in plan.changes] == [
        ("notify_targets", ["after_s"])]
    apply(conn, read_text(short), 6)
    group = notify.listed(conn)[0]
    assert (group.body.after_s, group.body.address) == (90, "https://qyapi.example/send?key=SECRETKEY")
    moved = FILE.replace("SECRETKEY", "OTHERKEY")
    shown = "\n".join(describe(make_plan(conn, read_text(moved)), "en"))
    assert "address: *** → ***" in shown
    assert "OTHERKEY" not in shown
    with pytest.raises(ConfigError) as error:
        make_plan(conn, read_text(short.replace("name: 值班群", "name: 新群")))
    assert "needs its address" in said(error)


def test_people_and_their_own_are_left_alone(conn: Connection) -> None:
    apply(conn, read_text(FILE), 5)
    anna = agents.create(conn, "anna@shop.example", "Anna", "agent", "x", "", 5)
    sales = teams.listed(conn)[0]
    teams.change(conn, Team(sales.id, "sales", "Sales", sales.settings, (anna.id,)), 6)
    canned.create(conn, Canned(0, "mine", "我自己的", owner_id=anna.id), 6)
    assert "我自己的" not in text_of(conn)
    plan = apply(conn, read_text(FILE), 7, prune=True)
    assert [(change.noun, change.kind) for change in plan.changes] == [("teams", "change")]
    sales = teams.listed(conn)[0]
    assert (sales.name, sales.member_ids) == ("售前组", (anna.id,))
    assert canned.page(conn, canned.Wanted(me=anna.id, text="mine"), 0, 10)


def test_files_of_canned_responses_are_named_and_left_as_they_are(conn: Connection) -> None:
    apply(conn, read_text(FILE), 5)
    (one,) = canned.page(conn, canned.Wanted(all_teams=True), 0, 10)
    canned_files.add(conn, "t" * 32, one.id, Attachment(0, "发票样张.png", "image/png", "image", 9), 6)
    written = text_of(conn)
    assert "发票样张.png" in written
    assert apply(conn, read_text(written), 7).changes == []
    plan = apply(conn, read_text(FILE.replace("您好", "你好")), 8)
    assert [change.noun for change in plan.changes] == ["canned"]
    assert [file.name for file in canned_files.of(conn, [one.id])[one.id]] == ["发票样张.png"]
    with create_engine("sqlite://").connect() as elsewhere:
        tables.metadata.create_all(elsewhere)
        named = "zhike: 1\ncanned:\n  - {shortcut: fapiao, text: 您好, files: [发票样张.png]}\n"
        assert apply(elsewhere, read_text(named), 9).count("add") == 1
        assert apply(elsewhere, read_text(named), 9).changes == []
        assert "发票样张.png" not in text_of(elsewhere), "the bytes are not in the file"


def test_pruned_in_the_order_in_which_they_name_each_other(conn: Connection) -> None:
    apply(conn, read_text(FILE), 5)
    bare = "zhike: 1\nteams: []\ntags: []\ncanned: []\nnotify_targets: []\ninboxes: [{key: web}]\n"
    assert apply(conn, read_text(bare), 6).count("delete") == 0
    apply(conn, read_text(FILE), 7)
    with pytest.raises(ZhikeError) as error:  # the inbox of the database still sends to it
        apply(conn, read_text("zhike: 1\nteams: []\n"), 8, prune=True)
    assert error.value.code == "conflict"
    plan = apply(conn, read_text(bare), 9, prune=True)
    assert {change.noun for change in plan.changes if change.kind == "delete"} == {
        "teams", "tags", "canned", "notify_targets"}
    assert teams.listed(conn) == []


def test_an_older_file_may_name_a_team_by_its_number(conn: Connection) -> None:
    apply(conn, read_text(FILE), 5)
    number = teams.listed(conn)[0].id
    old = f"zhike: 1\ninboxes: [{{key: web, settings: {{team_id: {number}}}}}]\n"
    apply(conn, read_text(old), 6)
    assert inboxes.list_inboxes(conn)[0].settings == {"team_id": number}
    assert make_plan(conn, read_text(old)).changes == []


@pytest.mark.parametrize(("before", "after", "why"), [
    ("team: sales\n", "team: gone\n", "there is no team 'gone'"),
    ("overflow_team: all", "overflow_team: none", "there is no team 'none'"),
    ("inboxes: [web]", "inboxes: [shop]", "there is no inbox 'shop'"),
    ("team: sales, text", "team: x, text", "there is no team 'x'"),
    ("strategy: least_busy", "strategy: fastest", "is none of"),
    ("{{contact.name}}", "{{contact.age}}", "there is no variable"),
    ("kind: wecom", "kind: slack", "is none of"),
    ("https://qyapi.example", "ftp://qyapi.example", "needs a URL"),
    ("overflow_after_s: 60", "overflow_after_s: 999999", "is not valid"),
    ("colour:", "color:", "did you mean colour"),
])
def test_what_is_wrong_is_said_with_its_line(conn: Connection, before: str, after: str, why: str) -> None:
    wrong = FILE.replace(before, after)
    assert wrong != FILE
    line = next(n for n, text in enumerate(wrong.split("\n"), 1) if after.strip() in text)
    with pytest.raises(ConfigError) as error:
        make_plan(conn, read_text(wrong, "desk.yaml"))
    assert why in said(error)
    # (an inbox is named by the line where it begins)
    assert any(f"desk.yaml:{at}" in said(error) for at in (line, line - 1, line - 2))
