"""Strict decoding of bodies, query strings and ids; everything wrong is named.

A field nobody declared is an error that names the nearest one: a typing error in ``enabeld`` must
not look like success. U+0000 and broken Unicode are refused for every field at once: databases
differ on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from zhike.errors import ErrorBody, Lang, ZhikeError

MAX_ID = 2**53 - 1
"""The largest whole number that JavaScript keeps exact."""
Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
MAX_QUERY_FIELDS = 50

_ID = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
_INT = re.compile(r"-?[0-9]{1,16}", re.ASCII)
_MISSING = re.compile(r"Object missing required field `(.+?)`(?: - at `\$\.?(.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?", re.DOTALL)
_AT = re.compile(r"(.*?)(?: - at `(?:key in )?\$\.?(.*)`)?", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class FieldFault(ZhikeError):
    """``invalid_field``, said in the reader's language."""

    def __init__(self, field: str, en: str, zh: str) -> None:
        super().__init__("invalid_field", en, field=field or None)
        self._zh = zh

    def body(self, lang: Lang = "en") -> ErrorBody:
        """The wire object."""
        if lang == "zh":
            return ErrorBody(
                code=self.code,
                message=f"{self.spec.zh} {self._zh}",
                retry=self.spec.retry,
                help=self.spec.help_zh,
                field=self.field,
            )
        return super().body(lang)


def _nearest(name: str, names: Iterable[str]) -> tuple[str, str]:
    near = get_close_matches(name, names, n=1)
    return (f" Did you mean `{near[0]}`?", f"是不是 `{near[0]}`？") if near else ("", "")


def _fault(error: msgspec.ValidationError, names: Iterable[str]) -> FieldFault:
    """What msgspec says, with the field apart."""
    text = str(error)
    if found := _UNKNOWN.fullmatch(text):
        name, place = found[1][:100], found[2]
        field = f"{place}.{name}" if place else name
        en, zh = _nearest(name, names)
        return FieldFault(field, f"`{field}`: there is no such field.{en}", f"`{field}`：没有这个字段。{zh}")
    if found := _MISSING.fullmatch(text):
        field = f"{found[2]}.{found[1]}" if found[2] else found[1]
        return FieldFault(field, f"`{field}` is missing.", f"缺少 `{field}`。")
    found = _AT.fullmatch(text)
    what, field = (found[1], found[2] or "") if found else (text, "")
    return FieldFault(
        field, f"`{field}`: {what}." if field else f"{what}.", f"`{field}`：{what}" if field else what
    )


def check_texts(value: Any, field: str = "") -> None:
    """Refuses U+0000 and lone surrogates anywhere in a decoded value.

    Raises:
        ZhikeError: ``invalid_text`` naming the field.
    """
    if isinstance(value, str):
        if "\0" in value or (not value.isascii() and _SURROGATE.search(value)):
            raise ZhikeError("invalid_text", field=field or None)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            check_texts(getattr(value, name), f"{field}.{name}" if field else name)
    elif isinstance(value, dict):
        for key, part in value.items():
            check_texts(key, field)
            check_texts(part, f"{field}.{key}" if field else str(key))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            check_texts(part, f"{field}[{index}]")


def field_names(kind: Any) -> frozenset[str]:
    """The names of all fields in a struct and the structs inside it."""
    from msgspec import inspect

    names: set[str] = set()
    seen: set[int] = set()

    def walk(node: Any) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, inspect.StructType):
            for field in node.fields:
                names.add(field.encode_name)
                walk(field.type)
        for name in ("types", "item_type", "item_types", "value_type", "type"):
            part = getattr(node, name, None)
            for one in part if isinstance(part, tuple) else (part,):
                if isinstance(one, inspect.Type):
                    walk(one)

    walk(inspect.type_info(kind))
    return frozenset(names)


class BodyDecoder:
    """Decodes JSON bodies of one kind."""

    def __init__(self, kind: type) -> None:
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
        self._names = field_names(kind)

    def __call__(self, body: bytes) -> Any:
        """The decoded body.

        Raises:
            ZhikeError: ``bad_request`` (no JSON), ``invalid_field``, ``invalid_text``.
        """
        try:
            value = self._decode(body)
        except msgspec.ValidationError as error:
            raise _fault(error, self._names) from error
        except UnicodeDecodeError as error:
            raise ZhikeError("invalid_text", "The body is not UTF-8.") from error
        except msgspec.DecodeError as error:
            raise ZhikeError("bad_request", f"The body is not valid JSON: {error}") from error
        except (RecursionError, OverflowError, ValueError) as error:
            raise ZhikeError("bad_request", "The body cannot be read as JSON.") from error
        if b"\\u" in body:  # the only way a decoded text can hold U+0000 or half a surrogate pair
            try:
                check_texts(value)
            except RecursionError as error:
                raise ZhikeError("bad_request", "The body is nested too deep.") from error
        return value


class QueryDecoder:
    """Decodes query strings into one kind of struct: whole numbers, true/false, or text.

    Parameters nobody declared are refused, unless the struct says ``OTHERS_MAY_ADD`` (a query that another
    server's redirect makes).
    """

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        from msgspec import inspect

        self._kind = kind
        self._lenient = getattr(kind, "OTHERS_MAY_ADD", False)
        self._kinds: dict[str, str] = {}
        for field in msgspec.structs.fields(kind):
            info = inspect.type_info(field.type)
            parts = info.types if isinstance(info, inspect.UnionType) else (info,)
            plain = [part.type if isinstance(part, inspect.Metadata) else part for part in parts]
            self._kinds[field.encode_name] = (
                "int"
                if any(isinstance(part, inspect.IntType) for part in plain)
                else "bool"
                if any(isinstance(part, inspect.BoolType) for part in plain)
                else "text"
            )

    def __call__(self, query: bytes) -> Any:
        """The decoded query.

        Raises:
            ZhikeError: ``invalid_field``, ``invalid_text``, ``bad_request``.
        """
        values: dict[str, Any] = {}
        for name, text in self._pairs(query):
            kind = self._kinds.get(name)
            if kind is None:
                if self._lenient:
                    continue
                en, zh = _nearest(name, self._kinds)
                raise FieldFault(
                    name[:100],
                    f"`{name[:100]}`: there is no such parameter.{en}",
                    f"`{name[:100]}`：没有这个参数。{zh}",
                )
            if name in values:
                raise FieldFault(name, f"`{name}` is given twice.", f"`{name}` 出现了两次。")
            values[name] = self._value(name, kind, text)
        try:
            return msgspec.convert(values, self._kind)
        except msgspec.ValidationError as error:
            raise _fault(error, self._kinds) from error

    @staticmethod
    def _pairs(query: bytes) -> list[tuple[str, str]]:
        try:
            pairs = parse_qsl(
                query.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
            )
        except UnicodeDecodeError as error:
            raise ZhikeError("invalid_text", "The query is not UTF-8.") from error
        except ValueError as error:
            raise ZhikeError("bad_request", "The query has too many fields.") from error
        for name, text in pairs:
            check_texts(name)
            check_texts(text, name)
        return pairs

    @staticmethod
    def _value(name: str, kind: str, text: str) -> Any:
        if kind == "int":
            if not _INT.fullmatch(text):
                raise FieldFault(name, f"`{name}`: a whole number is expected.", f"`{name}`：要填整数。")
            return int(text)
        if kind == "bool":
            if text not in ("true", "false"):
                raise FieldFault(
                    name, f"`{name}`: true or false is expected.", f"`{name}`：要填 true 或 false。"
                )
            return text == "true"
        return text


def printable(field: str, text: str) -> str:
    """``text`` without blanks at its ends, for names and addresses that stand in one line.

    Raises:
        ZhikeError: ``invalid_field`` for control characters, line ends and the like.
    """
    text = text.strip()
    if not text.isprintable():
        raise FieldFault(field, f"`{field}` holds control characters.", f"`{field}` 含有控制字符。")
    return text


def path_id(text: str) -> int:
    """An id from a path; what cannot be an id names nothing.

    Raises:
        ZhikeError: ``not_found``.
    """
    if not _ID.fullmatch(text) or int(text) > MAX_ID:
        raise ZhikeError("not_found")
    return int(text)
