"""Reads settings from the file, the environment and flags, strictly, and names what is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from zhike.config import checks
from zhike.config.problems import ConfigError, Problem, unknown
from zhike.config.sections import NAMED, Setting, Settings, all_settings, section_types, settings_of

ENV_CONFIG = "ZHIKE_CONFIG"
"""Names the file, where ``--config`` does not."""
TEST_SYNCHRONOUS = "ZHIKE_TEST_SQLITE_SYNCHRONOUS"
NAME = re.compile("[a-z][a-z0-9_]{0,31}")
"""Keys of named sections: they stand in variables of the environment, too, which know no case."""
PLACES = ("zhike.toml", "config/zhike.toml")
"""Where the file is looked for, from the current folder; the second is the Docker volume."""


def find_file(explicit: str = "", environ: Mapping[str, str] = os.environ) -> str:
    """The settings file: named (then it must exist), or found, or "".

    Raises:
        ConfigError: a named file is not there.
    """
    named = explicit or environ.get(ENV_CONFIG, "")
    if not named:
        return next((path for path in PLACES if os.path.isfile(path)), "")
    if not os.path.isfile(named):
        raise ConfigError([Problem("--config" if explicit else ENV_CONFIG, f"没有文件 {named}",
                                   f"there is no file {named}")])
    return named


def load(file: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ,
         flags: Mapping[str, str] | None = None) -> Settings:
    """All settings, later sources over earlier ones: defaults, ``file``, ``environ``, ``flags``.

    Args:
        file: an explicit zhike.toml; None looks where :func:`find_file` looks.
        environ: ``ZHIKE_SERVER__PORT=8081`` sets ``server.port``.
        flags: ``{"server.port": "8081"}``.

    Raises:
        ConfigError: with every problem found, each with its place.
    """
    path = find_file(str(file or ""), environ)
    reader = _Reader()
    if path:
        reader.read_file(path)
    for variable in sorted(environ):
        if variable.startswith("ZHIKE_") and "__" in variable:
            section, key = split_path(variable.removeprefix("ZHIKE_").lower(), "__")
            reader.put(variable, section, key, environ[variable], "environment")
    for flag, text in (flags or {}).items():
        section, key = split_path(flag, ".")
        reader.put(f"--set {flag}", section, key, text, "flag")
    return reader.finish(path, environ.get(TEST_SYNCHRONOUS, ""))


def split_path(path: str, mark: str) -> tuple[str, str]:
    """``section`` and ``key`` of a path: "server.port", and "models.qwen.base_url" of a named section."""
    section, _, key = path.partition(mark)
    if section in NAMED:
        name, _, key = key.partition(mark)
        section = f"{section}.{name}"
    return section, key


def stray_environment(environ: Mapping[str, str] = os.environ) -> list[str]:
    """ZHIKE_ variables that set nothing. They are no error: Kubernetes puts ``ZHIKE_PORT`` and
    ``ZHIKE_SERVICE_HOST`` into every container beside a service called zhike."""
    return sorted(name for name in environ if name.startswith("ZHIKE_") and "__" not in name
                  and name != ENV_CONFIG and not name.startswith("ZHIKE_TEST_"))


class _Reader:
    """Collects values and problems; a later ``put`` of the same setting wins."""

    def __init__(self) -> None:
        self.known = all_settings()
        self.sections = section_types()
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[Problem] = []
        self.named: dict[str, list[str]] = {kind: [] for kind in NAMED}

    def read_file(self, path: str) -> None:
        import tomllib  # only with a file: 4 ms

        try:
            with open(path, encoding="utf-8-sig") as source:
                text = source.read()
            content = tomllib.loads(text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            self.problems.append(Problem(path, f"读不了：{error}", f"cannot be read: {error}"))
            return
        for section, table in self._flat(content, path, text):
            if (section not in self.sections and "." not in section) or not isinstance(table, dict):
                where = f"{path}:{line_of(text, section, '')}"
                home = [setting.path for setting in self.known.values() if setting.key == section]
                if home:
                    self.problems.append(Problem(where, f"{section!r} 应写在 [{home[0].split('.')[0]}] 之下",
                                                 f"{section!r} belongs under [{home[0].split('.')[0]}]"))
                else:
                    self.problems.append(unknown(where, "小节", "section", section, list(self.sections)))
                continue
            for key, value in table.items():
                self.put(f"{path}:{line_of(text, section, key)}", section, key, value, "file")

    def _flat(self, content: dict[str, Any], path: str, text: str) -> Iterator[tuple[str, Any]]:
        """The file's sections, each named one by itself: ``models.qwen``."""
        for section, table in content.items():
            if section not in NAMED:
                yield section, table
                continue
            entries = table if isinstance(table, dict) else {"": table}
            for name, entry in entries.items():
                if isinstance(entry, dict):
                    yield f"{section}.{name}", entry
                    continue
                line = line_of(text, section, name)
                self.problems.append(Problem(f"{path}:{line}", f"{name!r} 应写在 [{section}.名字] 之下",
                                             f"{name!r} belongs under [{section}.<key>]"))

    def _find(self, section: str, key: str) -> Setting | None:
        """The setting; one of a named section is declared when it is first met."""
        kind, dot, name = section.partition(".")
        if dot and kind in NAMED and NAME.fullmatch(name) and name not in self.named[kind]:
            self.named[kind].append(name)
            self.sections[section] = NAMED[kind]
            self.known |= {setting.path: setting for setting in settings_of(section, NAMED[kind])}
        return self.known.get(f"{section}.{key}")

    def put(self, where: str, section: str, key: str, value: Any, source: str) -> None:
        """Takes one value from ``source`` (file, environment, flag)."""
        setting = self._find(section, key)
        from_file = False
        if setting is None and key.endswith("_file"):
            setting = self.known.get(f"{section}.{key.removesuffix('_file')}")
            from_file = setting is not None and setting.doc.kind in ("secret", "url")
            setting = setting if from_file else None
        if setting is None:
            self.problems.append(self._unknown(where, section, key, source))
            return
        if setting.doc.reserved:
            self.problems.append(Problem(where, f"{setting.path} 是预留的，本版本还不能设置",
                                         f"{setting.path} is reserved and cannot be set in this version"))
            return
        try:
            if from_file:
                value = checks.read_secret(value)
            elif source != "environment":
                checks.check_secret(setting, value)
            self.values[setting.path] = checks.take(setting, value)
            self.origins[setting.path] = where
        except checks.WrongError as wrong:
            self.problems.append(Problem(where, f"{setting.path}：{wrong.zh}", f"{setting.path}: {wrong.en}"))

    def _unknown(self, where: str, section: str, key: str, source: str) -> Problem:
        def say(name: str, word: str) -> str:
            return f"ZHIKE_{name.replace('.', '__')}__{word}".upper() if source == "environment" else word

        kind, dot, name = section.partition(".")
        if dot and kind in NAMED and not NAME.fullmatch(name):
            return Problem(where, f"{name!r} 不能作名字：只用小写字母、数字和下划线，以字母开头，最多 32 个",
                           f"{name!r} is no key: small letters, digits and underscores, a letter first, "
                           "32 at most")
        if section not in self.sections:
            return unknown(where, "小节", "section", section, list(self.sections))
        keys: list[str] = []
        for setting in self.known.values():
            if setting.section == section:
                keys.append(say(section, setting.key))
                if setting.doc.kind in ("secret", "url"):
                    keys.append(say(section, setting.key + "_file"))
        return unknown(where, f" [{section}] 设置项", f"setting in [{section}] called",
                       say(section, key), keys)

    def finish(self, path: str, synchronous: str) -> Settings:
        sections = {name: kind(**{setting.field: self.values[setting.path]
                                  for setting in self._of(name) if setting.path in self.values})
                    for name, kind in self.sections.items()}
        for kind, names in self.named.items():
            sections[kind] = {name: sections.pop(f"{kind}.{name}") for name in names}  # type: ignore[assignment]
        if synchronous:
            import msgspec

            sections["database"] = msgspec.structs.replace(sections["database"], synchronous=synchronous)
        settings = Settings(**sections, file=path, origins=self.origins)  # type: ignore[arg-type]
        self.problems += checks.check_together(settings)
        if self.problems:
            raise ConfigError(self.problems)
        return settings

    def _of(self, section: str) -> list[Setting]:
        return [setting for setting in self.known.values() if setting.section == section]


def line_of(text: str, section: str, key: str) -> int:
    """The line on which a TOML text sets ``section.key`` (with ``key`` "": where the section or
    the bare word stands). tomllib tells no places, and a wrong key should be found at once."""
    inside, fallback = "", 1
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("["):
            inside = line.strip("[] \t").split("]")[0].strip().strip("\"'")
            if inside == section:
                fallback = number
                if not key:
                    return number
            continue
        name = line.partition("=")[0].strip().replace('"', "").replace("'", "")
        if (inside == section and name.partition(".")[0].strip() == key) or (
                not inside and name.replace(" ", "") in (f"{section}.{key}", section)):
            return number
    return fallback
