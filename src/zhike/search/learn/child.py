"""``python -m zhike.search.learn.child FILE NICE``: reads a lesson from stdin, writes the model to FILE.

The only process that imports scikit-learn. The server runs it at the lowest priority (NICE 19) and
on one core, so that visitors do not notice it. Exit code 0: FILE is there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    """Trains and writes; the traceback of a failure goes to stderr, for the server's log."""
    os.nice(int(sys.argv[2]))
    import msgspec

    from zhike.search.learn import artifact
    from zhike.search.learn.fit import fit

    lesson = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=artifact.Lesson)
    artifact.write(Path(sys.argv[1]), lesson.digest(), fit(lesson))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
