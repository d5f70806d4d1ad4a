"""The local model: a llama.cpp server as a child process, started, watched, started again.

One setting, ``[local_model] path``, and it is there under the key ``local``. It listens on loopback,
on a port and with a key that are new at every start. When it crashes, questions go to the next model
or to a person, and it comes back after a pause that grows while it keeps crashing. A file that cannot
be used is a clear problem with what to do about it; the desk runs on without it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import secrets
import signal
import sys
from collections import deque
from pathlib import Path
from typing import Literal, NamedTuple

from zhike.answer.llm.client import Address
from zhike.answer.llm.faults import ModelError
from zhike.answer.llm.local_child import KEY
from zhike.config.models import LOCAL_KEY, LocalModel
from zhike.log import scrub

State = Literal["starting", "ready", "failed", "stopped"]

LOAD_S = 300.0
"""Longest load: a 30 GB file from a slow disk. The desk serves meanwhile."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
STEADY_S = 10.0
"""A server that ran so long did not fail at its start: its next pause is short again."""
STOP_S = 3.0
SMALLEST_BYTES = 1_024
KEPT_LINES = 20

log = logging.getLogger("zhike.models")


class Trouble(NamedTuple):
    """What is wrong and what to do, in both languages."""

    zh: str
    en: str
    cure_zh: str
    cure_en: str


def check_file(path: str) -> Trouble | None:
    """What is wrong with a GGUF file, as far as its first bytes tell."""
    cure_zh, cure_en = "请检查 local_model.path", "check local_model.path"
    try:
        with open(path, "rb") as source:
            magic = source.read(4)
        size = Path(path).stat().st_size
    except OSError as error:
        return Trouble(f"读不了模型文件 {path}：{error.strerror}",
                       f"the model file {path} cannot be read: {error.strerror}", cure_zh, cure_en)
    if magic != b"GGUF" or size < SMALLEST_BYTES:
        what = "是空的" if not size else "不是 GGUF 格式"
        what_en = "is empty" if not size else "is no GGUF"
        return Trouble(f"模型文件 {path} {what}", f"the model file {path} {what_en}",
                       "请下载 .gguf 文件（不是 .safetensors），下载中断过请重新下载",
                       "download a .gguf (not .safetensors); if a download broke off, begin it again")
    return None


def check_extra() -> Trouble | None:
    """Whether the extra is installed."""
    if importlib.util.find_spec("xllamacpp") is None:
        return Trouble("没有安装本地模型所需的组件", "the part that runs local models is not installed",
                       '请运行 pip install "zhike[local]"', 'run pip install "zhike[local]"')
    return None


def why_ended(code: int, words: str) -> Trouble:
    """What an exit code and the last words mean."""
    if "libgomp" in words:
        return Trouble("系统缺少 libgomp", "the system lacks libgomp", "请运行 apt install libgomp1",
                       "run apt install libgomp1")
    if code == -signal.SIGILL:
        return Trouble("这颗 CPU 不支持 AVX2 指令", "this CPU lacks AVX2",
                       "请换一台较新的机器，或把模型服务放到别处并写进 [models.…]",
                       "use a newer machine, or run the model elsewhere and name it in [models.…]")
    if code == -signal.SIGKILL:
        return Trouble("本地模型被系统强行结束，多半是内存不够",
                       "the local model was killed, most likely for memory",
                       "请用更小的模型，或减小 context_tokens 和 slots",
                       "use a smaller model, or fewer context_tokens and slots")
    said = f": {words}" if words else ""
    return Trouble(f"llama.cpp 载入不了这个模型文件（退出码 {code}）{said}",
                   f"llama.cpp cannot load this model file (exit code {code}){said}",
                   "文件可能没有下载完整：请与下载页上的大小或校验和比对，必要时重新下载",
                   "the file may be incomplete: compare its size or checksum with the download page, "
                   "or get it anew")


class LocalServer:
    """See the module; an :class:`zhike.answer.llm.client.Endpoint`.

    Args:
        settings: ``[local_model]``; ``path`` is set.
        arguments: more for the child (tests).
    """

    def __init__(self, settings: LocalModel, arguments: tuple[str, ...] = ()) -> None:
        self._settings = settings
        self._arguments = arguments
        self._address: Address | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self.state: State = "stopped"
        self.trouble: Trouble | None = None
        self.starts = 0
        self.changed = asyncio.Event()
        """Set whenever ``state`` changes; whoever waits for one clears it."""

    @property
    def pid(self) -> int:
        """The child's process id, 0 = none."""
        return self._process.pid if self._process is not None else 0

    def address(self) -> Address:
        """See :class:`zhike.answer.llm.client.Endpoint`."""
        if self._address is None:
            why = self.trouble.en if self.trouble is not None else self.state
            raise ModelError("model_unavailable", f"the local model: {why}", counts=False)
        return self._address

    def start(self) -> None:
        """Begins to look after the child; returns at once."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="local model")

    async def stop(self) -> None:
        """Ends the child."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._turn("stopped")

    async def until(self, state: State) -> None:
        """Returns when the state is this one."""
        while self.state != state:
            self.changed.clear()
            await self.changed.wait()

    def _turn(self, state: State, trouble: Trouble | None = None) -> None:
        if trouble is not None and trouble != self.trouble:
            log.warning("the local model does not run", extra={"why": trouble.en, "cure": trouble.cure_en})
        self.state, self.trouble = state, trouble
        self.changed.set()

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            trouble = check_extra() or check_file(self._settings.path)
            if trouble is None:
                if self.state != "failed":
                    self._turn("starting")
                trouble = await self._once()
            self._turn("failed", trouble)
            if loop.time() - began_s > STEADY_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _once(self) -> Trouble:
        """One life of the child; why it ended."""
        key = secrets.token_urlsafe(24)
        self.starts += 1
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "zhike.answer.llm.local_child", self._settings.path, *self._flags(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=_environment() | {KEY: key}, start_new_session=True)
        words: deque[str] = deque(maxlen=KEPT_LINES)
        listening = asyncio.ensure_future(_listen(process.stderr, words))
        try:
            url = await self._ready(process)
            if url:
                self._address = Address(f"{url}/v1", key)
                self._turn("ready")
                log.info("the local model is ready", extra={"pid": process.pid, "url": url})
            await _listen(process.stdout, deque(maxlen=1))
            code = await process.wait()
            await listening
            return why_ended(code, _last(words)) if not url else Trouble(
                f"本地模型意外退出（{code}），正在重新启动",
                f"the local model ended ({code}) and is started again",
                "反复出现时请看日志", "if it happens again and again, see the log")
        finally:
            self._address = None
            self._process = None
            await _end(process)
            listening.cancel()

    async def _ready(self, process: asyncio.subprocess.Process) -> str:
        """Its address, "" if it ended before it had one."""
        assert process.stdout is not None
        try:
            async with asyncio.timeout(LOAD_S):
                while line := await process.stdout.readline():
                    if line.startswith(b'{"zhike_url"'):
                        return str(json.loads(line)["zhike_url"]).rstrip("/")
        except (TimeoutError, ValueError):
            process.kill()
        return ""

    def _flags(self) -> list[str]:
        own = self._settings
        threads = own.threads or max(1, (os.cpu_count() or 2) - 1)
        return ["--alias", LOCAL_KEY, "--context", str(own.context_tokens), "--slots", str(own.slots),
                "--threads", str(threads), "--batch", str(own.batch), *self._arguments]


def _environment() -> dict[str, str]:
    """Without our settings: the child needs no database password."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ZHIKE_")}


async def _listen(stream: asyncio.StreamReader | None, words: deque[str]) -> None:
    """Reads to the end, so that the child never waits for us, and keeps the last lines."""
    while stream is not None:
        try:
            line = await stream.readline()
        except ValueError:  # a line longer than the reader's limit
            continue
        if not line:
            return
        words.append(line.decode("utf-8", "replace").strip())


def _last(words: deque[str]) -> str:
    """The line that says most: the last error, else the last."""
    lines = [line for line in words if line]
    errors = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
    return scrub((errors or lines or [""])[0 if errors else -1], 20)[:200]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
