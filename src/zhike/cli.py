"""The command ``zhike``. Each command imports its body when it is called, so that ``serve`` reaches
its socket having imported little more than argparse and the settings.

Exit codes: 0 done · 1 failed · 2 wrong usage · 3 a setting or file is not valid · 4 the database
cannot be reached · 5 ``doctor`` found a problem, ``config diff --exit-code`` a difference · 130
interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from zhike.cli_flags import COMMANDS, Words, build_parser
from zhike.errors import Lang, ZhikeError

EXIT_CODES = {"config_error": 3, "invalid_field": 3, "invalid_text": 3, "store_unavailable": 4}


def language(environ: Mapping[str, str] = os.environ) -> Lang:
    """The reader's language, as the system tells it."""
    name = next((environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(key)), "")
    return "zh" if name.lower().startswith("zh") else "en"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    say = Words(language())
    chosen = next((word for word in words if not word.startswith("-")), "")
    if chosen and chosen not in COMMANDS:
        from zhike.config.problems import unknown

        problem = unknown("", "命令", "command", chosen, list(COMMANDS))
        print(f"zhike: {problem.text(say.lang)}", file=sys.stderr)
        return 2
    parser = build_parser(chosen, say.lang)
    args = parser.parse_args(words)
    if args.version or args.command == "version":
        from zhike import __version__

        print(f"zhike {__version__}")
        return 0
    if not args.command:
        parser.print_help()
        return 2
    try:
        return _run(args, say)
    except ZhikeError as error:
        return fail(error, say)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `zhike config export | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def fail(error: ZhikeError, say: Words) -> int:
    """Says what went wrong in the catalogue's words, with its cause; returns the exit code."""
    body = error.body(say.lang)
    lines = [body.message, body.help]
    if error.__cause__ is not None:
        from zhike.log import scrub

        cause = f"{type(error.__cause__).__name__}: {error.__cause__}".partition("\n")[0]
        lines.insert(1, scrub(cause, 20))
    print("zhike: " + "\n".join(line for line in lines if line), file=sys.stderr)
    return EXIT_CODES.get(error.code, 1)


def flags_of(args: argparse.Namespace) -> dict[str, str]:
    """What the command line says of settings, as ``{"server.port": "8081"}``.

    Raises:
        ConfigError: ``--set`` without ``=``.
    """
    flags: dict[str, str] = {}
    for word in getattr(args, "assign", []):
        name, equals, value = word.partition("=")
        if not equals:
            from zhike.config import ConfigError, Problem

            raise ConfigError([Problem(f"--set {word}", "应写成 SECTION.KEY=VALUE",
                                       "must be SECTION.KEY=VALUE")])
        flags[name] = value
    for flag in ("host", "port", "public_url", "data"):
        value = getattr(args, flag, None)
        if value is not None:
            flags[f"server.{flag}"] = value
    return flags


def _redact(text: str) -> str:
    """For the log at ``debug``; imported when there is something to mask."""
    from zhike.answer.mask import redact

    return redact(text)


def _run(args: argparse.Namespace, say: Words) -> int:
    if args.command == "bench":
        code: int = args.run(args)
        return code
    if args.command == "config" and args.part == "reference":
        from zhike.config import reference

        print(reference(args.lang))
        return 0
    from zhike.config import load

    flags = flags_of(args)
    demo = args.command == "demo" and not args.remove
    if demo:
        flags["sample.shop"] = "true"
    settings = load(args.config or None, flags=flags)
    if demo or args.command == "serve":
        from zhike.app import serve
        from zhike.log import mask_words, setup

        setup(settings.log.format, settings.log.level)
        mask_words(_redact)
        return serve(settings, demo=demo)
    from zhike.ops import commands

    run: Callable[..., int] = getattr(commands, f"{args.command}_{getattr(args, 'part', '')}".rstrip("_"))
    return run(settings, args, say)
