"""Reads YAML with the place of everything, and writes it so that equal content is equal bytes.

Two habits of YAML are kept away from people who write answers: where a text is wanted, what stands
there is the text (``match: [no, 12, on]`` is three words, not two booleans and a number), and a
name that appears twice is an error, not a silent loss.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from zhike.config import Problem
from zhike.config.problems import nearest

Node = yaml.Node
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH = 20
"""Ours need six levels."""
MAX_PROBLEMS = 50
"""More than this on one screen helps nobody."""


class Reader:
    """Turns the nodes of one file into values and collects what is wrong, each with its line."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.name = name
        self.problems = problems
        self._seen: set[int] = set()

    def parse(self, text: str) -> Node | None:
        """The root node; None (and a problem) if this is no YAML."""
        try:
            deep = _too_deep(text)
            node: Node | None = None if deep else yaml.compose(text, Loader=_Loader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark is not None else 1
            why = getattr(error, "problem", None) or str(error).splitlines()[0]
            self.problems.append(Problem(f"{self.name}:{line}", f"不是有效的 YAML：{why}",
                                         f"is no valid YAML: {why}"))
            return None
        if deep:
            self.problems.append(Problem(f"{self.name}:{deep}", f"嵌套太深（最多 {MAX_DEPTH} 层）",
                                         f"is nested too deep ({MAX_DEPTH} levels at most)"))
        elif node is None:
            self.problems.append(Problem(self.name, "文件是空的", "the file is empty"))
        return node

    def say(self, node: Node, zh: str, en: str) -> None:
        """One problem at ``node``."""
        self.problems.append(Problem(self.where(node), zh, en))

    def where(self, node: Node) -> str:
        """``file:line``."""
        return f"{self.name}:{node.start_mark.line + 1}"

    def _once(self, node: Node) -> bool:
        # an alias is the same node met again; following them can grow without bound
        if id(node) in self._seen:
            self.say(node, "这里不支持 YAML 别名（*）", "YAML aliases (*) are not supported here")
            return False
        self._seen.add(id(node))
        return True

    def mapping(self, node: Node, known: Sequence[str] = ()) -> dict[str, Node]:
        """The values by name. With ``known``, other names are problems."""
        if not isinstance(node, yaml.MappingNode) or not self._once(node):
            self.say(node, "这里需要「名字: 值」", "needs `name: value` pairs here")
            return {}
        found: dict[str, Node] = {}
        for name_node, value in node.value:
            name = name_node.value if isinstance(name_node, yaml.ScalarNode) else ""
            if known and name not in known:
                near = nearest(name, known) or ", ".join(known)
                self.say(name_node, f"没有 {name!r} 这一项；是不是想写 {near}？",
                         f"there is nothing called {name!r}; did you mean {near}?")
            elif name in found:
                self.say(name_node, f"{name!r} 写了两次", f"{name!r} stands here twice")
            else:
                found[name] = value
        return found

    def items(self, node: Node) -> list[Node]:
        """The entries of a list."""
        if _empty(node):
            return []
        if not isinstance(node, yaml.SequenceNode) or not self._once(node):
            self.say(node, "这里需要列表", "needs a list here")
            return []
        return list(node.value)

    def text(self, node: Node) -> str:
        """The text as written, blanks and line ends around it removed."""
        if not isinstance(node, yaml.ScalarNode):
            self.say(node, "这里需要文字", "needs a text here")
            return ""
        return "" if _empty(node) else node.value.replace("\r\n", "\n").strip()

    def texts(self, node: Node) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(self.text(item) for item in self.items(node))

    def boolean(self, node: Node) -> bool:
        """true or false."""
        value = node.value.lower() if isinstance(node, yaml.ScalarNode) else ""
        if value not in ("true", "false", "yes", "no", "on", "off"):
            self.say(node, "这里需要 true 或 false", "needs true or false here")
        return value in ("true", "yes", "on")

    def integer(self, node: Node) -> int:
        """A whole number."""
        if isinstance(node, yaml.ScalarNode) and re.fullmatch(r"[+-]?\d{1,18}", node.value):
            return int(node.value)
        self.say(node, "这里需要整数", "needs a whole number here")
        return 0

    def value(self, node: Node, numbers: Sequence[str], name: str = "") -> Any:
        """Free content: texts, lists and mappings; numbers and true/false only under the names in
        ``numbers``."""
        if isinstance(node, yaml.MappingNode):
            return {key: self.value(child, numbers, key) for key, child in self.mapping(node).items()}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, numbers) for child in self.items(node)]
        if name in numbers and re.fullmatch(r"-?\d+(\.\d+)?", node.value):
            return float(node.value) if "." in node.value else int(node.value)
        if name in numbers and node.value in ("true", "false"):
            return node.value == "true"
        return self.text(node)


def _too_deep(text: str) -> int:
    """The line at which nesting passes MAX_DEPTH, or 0. Composing nodes recurses in C and would end
    the process at some ten thousand levels; reading events does not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return event.start_mark.line + 1 if event.start_mark is not None else 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return 0


def _empty(node: Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def find(node: Node, path: str) -> Node:
    """The node at ``buttons[0].url`` below ``node``, or the nearest one above it that exists."""
    for step in re.findall(r"[^.\[\]]+", path):
        child: Node | None = None
        if isinstance(node, yaml.MappingNode):
            child = next((value for name, value in node.value if name.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            child = node.value[int(step)]
        if child is None:
            return node
        node = child
    return node


# ---- writing ---------------------------------------------------------------------------------

_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"])
_PLAIN = re.compile(r"[^\W\d_][^\x00-\x1f\x7f-\x9f#:,\[\]{}\"'`&*!|>%@\\\u2028\u2029\ufeff]*")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_NO_BLOCK = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]|[ ]\n|[ ]$")


def scalar(value: Any) -> str:
    """One value on one line: plain where that cannot be misread, else in double quotes."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int | float):
        return json.dumps(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text == text.rstrip() and text.lower() not in _WORDS:
        return text
    return _UNPRINTABLE.sub(lambda m: f"\\u{ord(m[0]):04x}", json.dumps(text, ensure_ascii=False))


def write(value: Any, indent: int = 0) -> Iterator[str]:
    """The lines of a mapping, list or value at ``indent`` blanks, without line ends."""
    pad = " " * indent
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from _entry(f"{pad}{scalar(name)}:", child, indent)
    elif isinstance(value, list | tuple):
        for child in value:
            if isinstance(child, Mapping) and child:
                lines = write(child, indent + 2)
                yield f"{pad}- {next(lines)[indent + 2:]}"
                yield from lines
            else:
                yield from _entry(f"{pad}-", child, indent)
    else:
        yield f"{pad}{scalar(value)}"


def _entry(head: str, child: Any, indent: int) -> Iterator[str]:
    if isinstance(child, Mapping | list | tuple):
        if child:
            yield head
            yield from write(child, indent + 2)
        else:
            yield f"{head} {'{}' if isinstance(child, Mapping) else '[]'}"
    elif isinstance(child, str) and "\n" in child and child == child.strip() and not _NO_BLOCK.search(child):
        yield f"{head} |-"
        pad = " " * (indent + 2)
        yield from (f"{pad}{line}" if line else "" for line in child.split("\n"))
    else:
        yield f"{head} {scalar(child)}"
