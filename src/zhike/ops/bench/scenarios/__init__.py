"""The scenarios of ``zhike bench``, one file each with ``run(bench)``; their flags are in ``cli``."""
