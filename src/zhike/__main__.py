"""``python -m zhike`` is ``zhike``."""

import sys

from zhike.cli import main

if __name__ == "__main__":
    sys.exit(main())
