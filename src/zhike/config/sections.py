# The annotations of this file are read at run time, so they are not postponed.
"""Every setting, declared once: its name, kind, default, limits and what it is for.

``key`` in the file is the field's name without its unit: ``gone_after_s`` is written
``gone_after = "30s"``. The reference page of the manual is made from here.
"""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import msgspec

from zhike.config.access import Audit, Oidc, Privacy
from zhike.config.doc import Doc, Section
from zhike.config.mail import Mail
from zhike.config.models import LocalModel, ModelServer


class Server(Section, frozen=True):
    """zh: 监听地址与数据目录。 en: Where to listen, where the data lives."""

    host: Annotated[str, Doc(
        "监听的地址。默认只有本机能访问，未配置好之前不会暴露到网络；"
        "对外服务请设为 0.0.0.0 或放在反向代理后面。"
        "Docker 镜像已设为 0.0.0.0，由 -p 决定对谁开放。",
        "Address to listen on. By default only this machine gets in, so nothing is exposed before it is set "
        "up; for the network use 0.0.0.0 or a reverse proxy. The Docker image sets 0.0.0.0: there -p decides."
    )] = "127.0.0.1"
    port: Annotated[int, Doc("监听的端口；0 表示任选一个空闲端口。", "Port to listen on; 0 picks a free one.",
                             "int", 0, 65535)] = 8080
    public_url: Annotated[str, Doc(
        "访客和客服看到的网址，例如 https://kefu.example.com；为空时用 http://localhost:端口。管理员链接由它生成。",
        "The address visitors and agents see, such as https://desk.example.com; empty: "
        "http://localhost:<port>. The admin link is made from it.")] = ""
    trusted_proxies: Annotated[tuple[str, ...], Doc(
        "可信反向代理的地址或网段；只有它们转发的 X-Forwarded-For 和 X-Forwarded-Proto 才算数。",
        "Addresses or networks of your own reverse proxies; X-Forwarded-For and X-Forwarded-Proto count only "
        "from them.", "list")] = ()
    data: Annotated[str, Doc(
        "数据目录：数据库、搜索索引、上传的文件。相对路径从启动时的当前目录算起。",
        "Folder for the database, the search index and uploads. A relative path starts at the folder the "
        "process was started in.")] = "./data"
    drain_timeout_s: Annotated[float, Doc(
        "收到 SIGTERM 后，最多用多久把手上的消息存好、送完再退出。",
        "After SIGTERM, how long to take at most to store and deliver what is in hand.",
        "duration", 0, 600)] = 10.0


class Database(Section, frozen=True):
    """zh: 数据库。 en: The database."""

    url: Annotated[str, Doc(
        "为空时用数据目录里的 SQLite（zhike.db）。也可以是 postgresql://用户@主机/库 或 mysql://用户@主机/库"
        "（MariaDB 同样）。密码请用 password 或 password_file。",
        "Empty: SQLite in the data folder (zhike.db). Or postgresql://user@host/name, mysql://user@host/name "
        "(MariaDB too). The password belongs in password or password_file.", "url")] = ""
    password: Annotated[str, Doc("数据库密码。", "Password of the database.", "secret")] = ""
    readers: Annotated[int, Doc("SQLite 的读线程数。", "Reader threads for SQLite.", "int", 1, 64)] = 2
    connections: Annotated[int, Doc("PostgreSQL、MySQL 的连接数上限。",
                                    "Most connections to PostgreSQL or MySQL.", "int", 2, 200)] = 8
    synchronous: str = "FULL"
    """No setting: promise 1 rests on it. Tests weaken it by ZHIKE_TEST_SQLITE_SYNCHRONOUS to show
    that the power-loss test notices."""


class Gateway(Section, frozen=True):
    """zh: 长连接（WebSocket）。 en: Long connections (WebSocket)."""

    max_connections: Annotated[int, Doc("同时在线的连接数上限。", "Most connections at a time.",
                                        "int", 1, 1_000_000)] = 19_000
    max_connections_per_address: Annotated[int, Doc(
        "同一网络地址的连接数上限，0 表示不限。公司、学校常有很多人共用一个地址。",
        "Most connections from one network address, 0 = no limit. Offices and schools share one address "
        "between many people.", "int", 0)] = 1_000
    messages_per_s: Annotated[float, Doc("每位访客平均每秒最多发几条消息。",
                                         "Messages a visitor may send per second, on average.",
                                         "float", 0.1, 10_000)] = 5.0
    burst: Annotated[int, Doc("短时间内可以连发的条数。", "Messages that may come at once.",
                              "int", 1, 100_000)] = 20
    hello_timeout_s: Annotated[float, Doc("连接后多久之内必须报到（hello）。",
                                          "How soon after connecting the hello must come.",
                                          "duration", 0.1, 120)] = 10.0
    heartbeat_s: Annotated[float, Doc("连接安静多久后探测一次。",
                                      "After how much silence a connection is asked for a sign of life.",
                                      "duration", 0.1, 30)] = 10.0
    gone_after_s: Annotated[float, Doc("多久没有任何回应就断开；不超过 30 秒。",
                                       "After how much silence a connection is closed; at most 30 s.",
                                       "duration", 0.2, 30)] = 25.0
    out_buffer_bytes: Annotated[int, Doc(
        "每个连接待发送数据的上限；读得太慢的连接会被断开，重连后自动补齐。",
        "Most bytes waiting for one connection; who reads slower is closed and resumes.",
        "size", 16 << 10, 64 << 20)] = 256 << 10


class Api(Section, frozen=True):
    """zh: REST 接口。与长连接分开计量，互不挤占。 en: The REST API; its budget is apart from the sockets'."""

    requests_per_minute: Annotated[int, Doc(
        "每个密钥、登录或网络地址每分钟的请求数上限。",
        "Most requests per minute of one key, session or address.",
        "int", 1)] = 600
    concurrency: Annotated[int, Doc("同时处理的请求数上限（不含长轮询）。",
                                    "Most requests worked on at a time (long polls apart).",
                                    "int", 1, 10_000)] = 64
    long_polls: Annotated[int, Doc("同时等待的长轮询数上限。", "Most long polls waiting at a time.",
                                   "int", 0, 100_000)] = 2_000
    body_limit_bytes: Annotated[int, Doc("请求体的大小上限。", "Largest request body.",
                                         "size", 4 << 10, 1 << 30)] = 1 << 20


class Files(Section, frozen=True):
    """zh: 访客和客服发送的文件。 en: Files that visitors and agents send."""

    max_bytes: Annotated[int, Doc(
        "一个文件的大小上限。", "Largest file.", "size", 1 << 10, 1 << 30, key="max_size")] = 20 << 20
    folder: Annotated[str, Doc(
        "存放文件的目录；为空时用数据目录里的 files。"
        "多个实例共用一个数据库时，也要共用一个目录（挂载共享盘）。",
        "Folder of the files; empty: files in the data folder. Several instances on one database need the "
        "same folder, too (a shared volume).")] = ""


class Pipeline(Section, frozen=True):
    """zh: 消息流水线。 en: The way of a message."""

    gather_window_s: Annotated[float, Doc("一批消息最多等多久再一起提交。",
                                          "How long a batch gathers at most before it is committed.",
                                          "duration", 0, 0.1)] = 0.014
    batch_max: Annotated[int, Doc("一批最多几条消息。", "Most messages in one batch.",
                                  "int", 1, 10_000)] = 500
    receive_max_messages: Annotated[int, Doc("等待处理的消息数上限，超过时明确告知“现在很忙”。",
                                             "Most messages waiting; beyond it the answer is `overloaded`.",
                                             "int", 1)] = 20_000
    receive_max_bytes: Annotated[int, Doc(
        "等待处理的消息总大小上限。", "Most bytes of messages waiting.", "size", 64 << 10,
        key="receive_max_size")] = 32 << 20
    fragment_wait_s: Annotated[float, Doc(
        "访客把一句话拆成几条发时，多等多久再一起回答；有把握的回答不等。",
        "How long to wait for the rest of a question sent in pieces; a sure answer does not wait.",
        "duration", 0, 10)] = 1.2
    out_of_order_wait_s: Annotated[float, Doc(
        "后发的消息先到时，等前面那条多久。",
        "How long a message waits for an earlier one of the same client.",
        "duration", 0, 30)] = 2.0


class Answer(Section, frozen=True):
    """zh: 机器人的回答。 en: The bot's answers."""

    cache_entries: Annotated[int, Doc("记住多少个问过的问题。", "How many asked questions to remember.",
                                      "int", 0)] = 50_000
    search_batch: Annotated[int, Doc("一次一起搜索几个问题。", "Questions searched together.",
                                     "int", 1, 1_000)] = 64
    learn: Annotated[bool, Doc(
        "在后台用每个机器人自己的问法训练一个小模型（子进程，优先级最低）；关掉就只用检索和固定的置信度曲线。",
        "Train a small model on each bot's own phrasings in the background (a child process at the lowest "
        "priority); without it, search and one fixed confidence curve answer.", "bool")] = True
    first_word_s: Annotated[float, Doc(
        "模型多久还没开口，就先给访客最接近的知识条目或一句“请稍等”，同时问下一个模型。从问题到达算起。",
        "How long a model may be silent; then the visitor gets the nearest article or a holding line, and "
        "the next model is asked as well. From the question's arrival.", "duration", 0.05, 60)] = 3.0
    give_up_s: Annotated[float, Doc(
        "多久还没有答完就全部停下，转人工或留言。比 15 秒略短，好让这句话在 15 秒内送到。",
        "After how long everything stops and a person or message-taking follows. A little less than 15 s, "
        "so that this word is with the visitor by then.", "duration", 0.1, 120)] = 14.5


class Search(Section, frozen=True):
    """zh: 知识的索引。 en: The index of the knowledge."""

    disk_above: Annotated[int, Doc(
        "知识条目超过多少条的机器人，索引放在数据目录的 index 里（改动后只更新改过的条目，内存占用有限）；"
        "更小的机器人的索引放在内存里。",
        "Bots with more articles than this have their index on disk, in the data folder under index (an edit "
        "updates only what changed, memory stays bounded); those of smaller bots are in memory.",
        "int", 0, 10_000_000)] = 3_000
    memory_bytes: Annotated[int, Doc(
        "内存里的索引一共最多占多少；超过时最久没人问的机器人先让位，再有人问它时重新读入（约 0.1 秒）。",
        "Most memory for the indexes of all small bots together; beyond it the bot that was not asked for "
        "the longest time makes room, and is read again when it is asked (about 0.1 s).",
        "size", 8 << 20)] = 256 << 20


class Embeddings(Section, frozen=True):
    """zh: 语义向量（可选，不设也能用）。 en: Embeddings (optional; everything works without)."""

    base_url: Annotated[str, Doc(
        "OpenAI 兼容的向量服务地址，例如 http://127.0.0.1:11434/v1（Ollama、vLLM、Xinference、llama.cpp）；"
        "为空则不用向量。",
        "An OpenAI-compatible server, such as http://127.0.0.1:11434/v1 (Ollama, vLLM, Xinference, "
        "llama.cpp); empty: no embeddings.", "url")] = ""
    model: Annotated[str, Doc("模型名，例如 bge-m3。换模型会在后台重新计算。",
                              "Name of the model, such as bge-m3. Another model computes all anew, in the "
                              "background.")] = ""
    api_key: Annotated[str, Doc("服务的密钥（如果要）。", "The server's key, if it wants one.",
                                "secret")] = ""
    batch: Annotated[int, Doc("一次请求计算几条知识。", "Articles per request.", "int", 1, 512)] = 16
    timeout_s: Annotated[float, Doc("计算知识向量的请求最多等多久。",
                                    "How long a request for articles may take.", "duration", 1, 600)] = 60.0
    query_timeout_s: Annotated[float, Doc(
        "访客提问时最多等向量多久；来不及就只用文字检索。",
        "How long a visitor's question waits for its embedding; later, words alone decide.",
        "duration", 0.02, 3)] = 0.3
    memory_bytes: Annotated[int, Doc(
        "内存里的向量一共最多占多少；放不下的机器人只用文字检索，并在 /health/ready 里说明。",
        "Most memory for vectors of all bots; a bot that does not fit is searched by words alone, and "
        "/health/ready says so.", "size", 1 << 20)] = 512 << 20


class Channels(Section, frozen=True):
    """zh: 渠道。 en: Channels."""

    allow_private: Annotated[bool, Doc(
        "回调地址（callback_url）可以指向内网，并且在内网里可以用 http；默认只能指向公网的 https 或本机。",
        "Callbacks (callback_url) may go to private networks, there by http too; by default only to public "
        "addresses by https, or to this machine.", "bool")] = False


class Tools(Section, frozen=True):
    """zh: 工具：机器人可以在店铺系统里做的事。 en: Tools: what the bot may do in the shop's own systems."""

    python: Annotated[tuple[str, ...], Doc(
        "工具可以调用的 Python 函数，写成 包.模块:函数，例如 shop.orders:lookup。没有列在这里的函数不会执行，"
        "所以只能改后台配置的人不能在这台机器上运行代码。",
        "Python functions that tools may call, as package.module:function, such as shop.orders:lookup. "
        "Others never run, so whoever can only edit the console cannot run code on this machine.",
        "list")] = ()
    secrets: Annotated[str, Doc(
        "存放工具密钥的目录，每个文件一个（secret: file:文件名）；为空时用数据目录里的 secrets。",
        "Folder of the tools' secrets, one file each (secret: file:name); empty: secrets in the data folder."
        )] = ""
    allow_private: Annotated[bool, Doc(
        "工具的请求可以发到内网地址，并且在内网里可以用 http；默认只能发到公网的 https 或本机。",
        "Tools may call addresses of private networks, there by http too; by default only public addresses "
        "by https, or this machine.", "bool")] = False
    concurrency: Annotated[int, Doc("同时进行的调用数上限。", "Most calls at a time.",
                                    "int", 1, 1_000)] = 32
    threads: Annotated[int, Doc("同步（非 async）函数的线程数。", "Threads for functions that are not async.",
                                "int", 1, 200)] = 8


class Metrics(Section, frozen=True):
    """zh: 监控指标 /metrics。 en: Metrics at /metrics."""

    token: Annotated[str, Doc(
        "不从本机读取 /metrics 时要带的令牌（Authorization: Bearer …）；不设则只有本机能读。",
        "Token to read /metrics from other machines (Authorization: Bearer …); without one only this "
        "machine may.", "secret")] = ""


class Log(Section, frozen=True):
    """zh: 日志（写到标准错误）。 en: The log (on standard error)."""

    format: Annotated[str, Doc("text 给人看，json 每行一个对象。",
                               "text for people, json for one object a line.",
                               "choice", choices=("text", "json"))] = "text"
    level: Annotated[str, Doc("记录到哪一级。", "From which level on.", "choice",
                              choices=("debug", "info", "warning", "error"))] = "info"


class Sample(Section, frozen=True):
    """zh: 示例商店。 en: The sample shop."""

    shop: Annotated[bool, Doc(
        "第一次在空数据库上启动时装入示例商店，并在首页显示它。店铺上线后设为 false。",
        "Put the sample shop into an empty database at the first start and show its page at /. Set it to "
        "false for your own shop.", "bool")] = True


class Redis(Section, frozen=True):
    """zh: 预留给多节点。 en: Reserved for several nodes."""

    url: Annotated[str, Doc("预留：多节点运行时节点间的总线，本版本还不能设置。",
                            "Reserved: the bus between several nodes; cannot be set in this version.",
                            "url", reserved=True)] = ""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one process. ``origins`` tells where each value came from ("" = default)."""

    server: Server = Server()
    database: Database = Database()
    gateway: Gateway = Gateway()
    api: Api = Api()
    files: Files = Files()
    pipeline: Pipeline = Pipeline()
    answer: Answer = Answer()
    local_model: LocalModel = LocalModel()
    search: Search = Search()
    embeddings: Embeddings = Embeddings()
    channels: Channels = Channels()
    mail: Mail = Mail()
    tools: Tools = Tools()
    audit: Audit = Audit()
    privacy: Privacy = Privacy()
    oidc: Oidc = Oidc()
    metrics: Metrics = Metrics()
    log: Log = Log()
    sample: Sample = Sample()
    redis: Redis = Redis()
    models: dict[str, ModelServer] = msgspec.field(default_factory=dict)
    file: str = ""
    origins: dict[str, str] = msgspec.field(default_factory=dict)

    def public_url(self, port: int = 0) -> str:
        """The address people use, without a slash at the end; ``port``: the one really bound."""
        return self.server.public_url.rstrip("/") or f"http://localhost:{port or self.server.port}"

    def database_url(self) -> str:
        """The database with its password, as SQLAlchemy reads it, without a driver chosen; SQLite when
        no other is set."""
        from urllib.parse import quote, urlsplit

        url = self.database.url
        if not url:
            return f"sqlite:///{self.server.data.rstrip('/')}/zhike.db"
        if not self.database.password:
            return url
        parts = urlsplit(url)
        user, at, host = parts.netloc.rpartition("@")
        return parts._replace(
            netloc=f"{user.partition(':')[0]}:{quote(self.database.password, safe='')}{at or '@'}{host}"
        ).geturl()


class Setting(NamedTuple):
    """One setting as the reader and the reference page see it."""

    section: str
    field: str
    key: str
    doc: Doc
    default: Any

    @property
    def path(self) -> str:
        """``section.key``."""
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """The name in the environment."""
        return f"ZHIKE_{self.section.replace('.', '__')}__{self.key}".upper()


_UNITS = {"duration": "_s", "size": "_bytes"}


def section_types() -> dict[str, type[Section]]:
    """The sections by name, in the order of the manual."""
    return {name: kind for name, kind in Settings.__annotations__.items()
            if isinstance(kind, type) and issubclass(kind, Section)}


NAMED: dict[str, type[Section]] = {"models": ModelServer}
"""Sections of which there may be any number, each with a key of its own: ``[models.<key>]``."""


def settings_of(name: str, section: type[Section]) -> Iterator[Setting]:
    """What one section declares."""
    for field, default in zip(section.__struct_fields__, section.__struct_defaults__, strict=True):
        doc = next(iter(getattr(section.__annotations__[field], "__metadata__", ())), None)
        if isinstance(doc, Doc):
            key = doc.key or field.removesuffix(_UNITS.get(doc.kind, "\0"))
            yield Setting(name, field, key, doc, default)


def all_settings() -> dict[str, Setting]:
    """Every setting by ``section.key``; named sections (:data:`NAMED`) apart."""
    return {setting.path: setting for name, section in section_types().items()
            for setting in settings_of(name, section)}
