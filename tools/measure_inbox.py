"""How long a change takes from the socket to the screen: 5,000 open conversations, 50 changes a second.

    python tools/measure_inbox.py [--conversations 5000] [--rate 50] [--seconds 20] [--json]

Starts its own desk in an empty folder, fills it, opens the console in Chromium and writes as visitors,
open loop. In the page the clock starts when a frame arrives and stops after the frame of the screen in
which its words, or later words of the same conversation, stand: a task posted from that frame's
animation callback, so style, layout and paint are done. ``next_p95_ms`` stops only after the animation
frame that follows, which the browser begins when the one before is out of its hands: an upper bound.

Three pages hear the same frames:

* *empty*: one line of text that takes the words of every change, and nothing else. What this browser and
  this machine take in any case; ``ratio`` is the p95 of a list to it.
* *needs you*: rows change in place. A fifth of the changes are surely in sight; the rows of the others are
  further down and do not exist, so ``painted`` is less than ``heard``.
* *all*: each change moves a row to the top, in sight. Here ``painted`` must be ``heard``: what was
  driven out of sight before it was drawn counts as missed, and as slower than everything else.

Needs the development group, built pages and a Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Page, expect, sync_playwright
from sqlalchemy import create_engine, insert, select, update

from zhike.store.tables import contacts, conversations, id_blocks
from zhike.testing.deskprocess import DeskProcess
from zhike.testing.pages import Console, Visits, Widget, chromium_path, launch

LIMITS = {"ZHIKE_GATEWAY__MESSAGES_PER_S": "10000", "ZHIKE_GATEWAY__BURST": "10000",
          "ZHIKE_API__REQUESTS_PER_MINUTE": "1000000"}
SENDERS = 8
IN_SIGHT = 8
"""Rows at the top that are surely on the screen."""
WATCH = """() => {
  const token = /#(\\d+)#/g, whose = /"conversation":\\{"id":(\\d+)/;
  let waiting = new Map(), heard = 0, took = [], next = [], inFrame = false, painted = [];
  window.__begin = () => { waiting = new Map(); heard = 0; took = []; next = []; };
  window.__result = () => ({heard, took, next});
  const {port1, port2} = new MessageChannel();
  port1.onmessage = () => {
    inFrame = false;
    const now = performance.now();
    for (const at of painted.splice(0)) took.push(now - at);
  };
  const draw = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (run) => draw((time) => {
    if (!inFrame) { inFrame = true; port2.postMessage(0); }
    run(time);
  });
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      this.addEventListener('message', ({data}) => {
        const words = data.includes('"type":"conversation"') && [...data.matchAll(token)][0];
        if (!words) return;
        const id = whose.exec(data)?.[1] ?? 0;
        if (!waiting.has(id)) waiting.set(id, []);
        waiting.get(id).push({number: Number(words[1]), at: performance.now()});
        heard++;
        of.set(Number(words[1]), id);
      });
    }
  };
  const of = new Map();
  new MutationObserver((changes) => {
    const times = [];
    for (const {target, addedNodes} of changes) for (const node of [target, ...addedNodes]) {
      for (const [, words] of (node.textContent ?? '').matchAll(token)) {
        const number = Number(words), mine = waiting.get(of.get(number));
        while (mine?.length && mine[0].number <= number) times.push(mine.shift().at);
      }
    }
    if (!times.length) return;
    const stands = () => painted.push(...times);
    if (inFrame) stands();
    else window.requestAnimationFrame(stands);
    const after = () => {
      const {port1: one, port2: other} = new MessageChannel();
      one.onmessage = () => { for (const at of times) next.push(performance.now() - at); };
      other.postMessage(0);
    };
    draw(inFrame ? after : () => draw(after));
  }).observe(document, {subtree: true, childList: true, characterData: true});
}"""
EMPTY = """() => {
  document.body.innerHTML = '<p>-</p>';
  const line = document.querySelector('p').firstChild;
  const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws`);
  socket.onopen = () => socket.send('{"type":"hello","v":1,"role":"agent"}');
  let last = '';
  const draw = () => { line.data = last; last = ''; };
  socket.onmessage = ({data}) => {
    const words = /"last_text":"([^"]*)/.exec(data);
    if (words && !last) requestAnimationFrame(draw);
    if (words) last += words[1] + ' ';
  };
}"""
"""Takes the words of every change into one line, once a frame."""
MAKE_KEY = """() => fetch('/api/v1/me').then(r => r.json()).then(me => fetch('/api/v1/api-keys', {
  method: 'POST', headers: {'Content-Type': 'application/json', 'X-CSRF-Token': me.csrf_token},
  body: JSON.stringify({name: 'measure', role: 'agent'})})).then(r => r.json()).then(made => made.secret)"""


def fill(folder: Path, count: int) -> list[int]:
    """Copies the one waiting conversation ``count`` times; returns the contacts, longest wait first."""
    engine = create_engine(f"sqlite:///{next(folder.rglob('*.db'))}")
    with engine.begin() as conn:
        contact = dict(conn.execute(select(contacts)).mappings().one())
        one = dict(conn.execute(select(conversations)).mappings().one())
        now = one["updated_at"]
        people, rows = [], []
        # An open conversation is found by its key: as the store makes it.
        prefix = str(one["open_key"]).removesuffix(str(one["sender"]))
        for i in range(1, count):
            number, sender, ago = 1_000 + i, f"{contact['sender']}-{i}", count - i
            people.append({**contact, "id": number, "sender": sender, "name": f"Visitor {i}"})
            rows.append({**one, "id": number, "contact_id": number, "sender": sender,
                         "open_key": f"{prefix}{sender}", "waiting_since": now - ago * 1_000,
                         "updated_at": now - ago * 10})
        conn.execute(insert(contacts), people)
        conn.execute(insert(conversations), rows)
        conn.execute(update(id_blocks).values(next_id=id_blocks.c.next_id + 2_000 + count))
    engine.dispose()
    return [row["contact_id"] for row in rows]


async def write(url: str, key: str, people: list[int], rate: float, seconds: float,
                first: int) -> int:
    """Writes as visitors, open loop; every fifth time as one whose row is in sight.

    Returns:
        How many were refused.
    """
    chance, failed, sent = random.Random(7), 0, 0
    async with httpx2.AsyncClient(base_url=url, trust_env=False,
                                  headers={"Authorization": f"Bearer {key}"}) as client:
        gate = asyncio.Semaphore(SENDERS)

        async def one(number: int) -> None:
            nonlocal failed
            who = people[chance.randrange(IN_SIGHT)] if number % 5 == 0 else chance.choice(people)
            async with gate:
                answer = await client.post(f"/api/v1/contacts/{who}/messages", json={
                    "client_msg_id": f"m-{number}", "text": f"#{number}# 请问我的订单到哪里了"})
                failed += answer.status_code >= 300

        begun, tasks = time.monotonic(), []
        while (at := sent / rate) < seconds:
            await asyncio.sleep(max(0.0, begun + at - time.monotonic()))
            tasks.append(asyncio.create_task(one(first + sent)))
            sent += 1
        await asyncio.gather(*tasks)
    return failed


def percentile(values: list[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def measure(page: Page, run: threading.Thread, *, whole: bool) -> dict[str, Any]:
    """What one page took while ``run`` wrote. ``whole``: all that is heard must be painted."""
    page.evaluate("window.__begin()")
    run.start()
    while run.is_alive():
        page.wait_for_timeout(200)
    page.wait_for_timeout(1_000)
    result = page.evaluate("window.__result()")
    missed = result["heard"] - len(result["took"]) if whole else 0
    took = sorted(result["took"]) + [float("inf")] * missed
    figures = {f"p{part}_ms": round(percentile(took, part / 100), 1) for part in (50, 95, 99)}
    return {"heard": result["heard"], "painted": len(result["took"]), **figures,
            "next_p95_ms": round(percentile(sorted(result["next"]), 0.95), 1)}


def main() -> None:
    """Fills, opens, measures, prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--conversations", type=int, default=5_000)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    path = chromium_path() or sys.exit("no Chromium: install one, or name it in ZHIKE_CHROMIUM")
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        desk = DeskProcess(folder, env=LIMITS)
        desk.start()
        browser = launch(playwright, path)
        visits = Visits(browser, desk.url)
        console = Console(visits.page("zh"), desk.url)
        console.set_up(desk.link, "林晓", "lin@shop.example")
        key = console.page.evaluate(MAKE_KEY)
        widget = Widget(visits.page("zh"))
        widget.open(desk.url)
        widget.human.click()
        expect(widget.status).to_have_attribute("data-state", "wait")
        widget.page.close()
        desk.stop()
        people = fill(folder, asked.conversations)
        desk.start()
        console.page.add_init_script(f"({WATCH})()")
        console.open("/conversations")
        expect(console.page.locator(".list .sized")).to_have_css("height", f"{84 * asked.conversations}px")
        result: dict[str, Any] = {"conversations": asked.conversations, "rate_per_s": asked.rate}
        failed: list[int] = []
        empty = console.page.context.new_page()
        empty.add_init_script(f"({WATCH})()")
        empty.route("**/assets/**", lambda route: route.abort())  # the console's page without the console
        empty.goto(f"{desk.url}/console/")
        empty.evaluate(EMPTY)
        for number, view in enumerate(("empty", "needs", "all")):
            page = empty if view == "empty" else console.page
            page.bring_to_front()
            if view in ("needs", "all"):
                console.tab(view)  # type: ignore[arg-type]
                page.mouse.move(900, 400)
            page.wait_for_timeout(1_500)
            first = 1 + number * 1_000_000

            def run(first: int = first) -> None:
                failed.append(asyncio.run(write(desk.url, key, people, asked.rate, asked.seconds, first)))

            found = measure(page, threading.Thread(target=run), whole=view != "needs")
            result |= {f"{view}_{field}": value for field, value in found.items()}
            if view == "empty":
                page.close()
            else:
                result[f"{view}_ratio"] = round(found["p95_ms"] / result["empty_p95_ms"], 1)
        result |= {"failed": sum(failed), "load": round(os.getloadavg()[0], 1),
                   "machine": f"{os.cpu_count()} × {platform.machine()}"}
        browser.close()
        desk.stop()
    lines = "\n".join(f"{field:16} {value}" for field, value in result.items())
    print(json.dumps(result) if asked.json else lines)


if __name__ == "__main__":
    main()
