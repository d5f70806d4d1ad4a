"""How long a change takes from the socket to the screen: 5,000 open conversations, 50 changes a second.

    python tools/measure_inbox.py [--conversations 5000] [--rate 50] [--seconds 20] [--json]

Starts its own desk in an empty folder, fills it, opens the console in Chromium and writes as visitors,
open loop. In the page the clock starts when a frame arrives and stops after the frame of the screen
in which its words stand (a task posted from the next animation frame, which is a little late rather
than early). Two lists: *needs you* (rows change in place; a fifth of the changes are in sight) and
*all* (each change moves a row to the top of the list). Needs the development group, built pages and a
Chromium.
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
  const seen = new Map(), took = (window.__took = []);
  const token = /#(\\d+)#/;
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      this.addEventListener('message', ({data}) => {
        const found = token.exec(data);
        if (found && data.includes('"type":"conversation"')) seen.set(found[1], performance.now());
      });
    }
  };
  window.__heard = () => seen.size;
  const after = (ids) => requestAnimationFrame(() => {
    const {port1, port2} = new MessageChannel();
    port1.onmessage = () => { for (const id of ids) took.push(performance.now() - seen.get(id)); };
    port2.postMessage(0);
  });
  const done = new Set();
  new MutationObserver((changes) => {
    const ids = [];
    for (const {target, addedNodes} of changes) for (const node of [target, ...addedNodes]) {
      const found = token.exec(node.textContent ?? '');
      if (found && seen.has(found[1]) && !done.has(found[1])) { done.add(found[1]); ids.push(found[1]); }
    }
    if (ids.length) after(ids);
  }).observe(document, {subtree: true, childList: true, characterData: true});
}"""
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


def measure(page: Page, run: threading.Thread) -> dict[str, Any]:
    """What one list took while ``run`` wrote."""
    page.evaluate("window.__took.length = 0")
    before = page.evaluate("window.__heard()")
    run.start()
    while run.is_alive():
        page.wait_for_timeout(200)
    page.wait_for_timeout(1_000)
    took = sorted(page.evaluate("window.__took"))
    figures = {f"p{part}_ms": round(percentile(took, part / 100), 1) for part in (50, 95, 99)}
    return {"heard": page.evaluate("window.__heard()") - before, "painted": len(took), **figures}


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
        for number, view in enumerate(("needs", "all")):
            console.tab(view)  # type: ignore[arg-type]
            console.page.mouse.move(900, 400)
            console.page.wait_for_timeout(1_500)
            first = 1 + number * 1_000_000

            def run(first: int = first) -> None:
                failed.append(asyncio.run(write(desk.url, key, people, asked.rate, asked.seconds, first)))

            found = measure(console.page, threading.Thread(target=run))
            result |= {f"{view}_{field}": value for field, value in found.items()}
        result |= {"failed": sum(failed), "machine": f"{os.cpu_count()} × {platform.machine()}"}
        browser.close()
        desk.stop()
    lines = "\n".join(f"{field:16} {value}" for field, value in result.items())
    print(json.dumps(result) if asked.json else lines)


if __name__ == "__main__":
    main()
