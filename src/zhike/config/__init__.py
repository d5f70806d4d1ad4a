"""Process settings: zhike.toml < ``ZHIKE_SECTION__KEY`` in the environment < flags.

    settings = load()                     # from the file, the environment, no flags
    settings.gateway.gone_after_s         # durations are seconds, sizes are bytes
    reference("zh")                       # the manual's page, made from the same declarations

It stands on the way to a server's first answer, so it imports nothing but msgspec: the TOML reader
comes in only when there is a file.
"""

from zhike.config.problems import ConfigError, Problem
from zhike.config.reader import ENV_CONFIG, find_file, load, stray_environment
from zhike.config.sections import Settings
from zhike.errors import Lang

__all__ = ["ENV_CONFIG", "ConfigError", "Problem", "Settings", "find_file", "load", "reference",
           "stray_environment"]


def reference(lang: Lang = "en") -> str:
    """The manual's page of all settings, as Markdown."""
    from zhike.config.manual import reference as write

    return write(lang)
