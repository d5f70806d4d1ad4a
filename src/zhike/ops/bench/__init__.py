"""``zhike bench``: every speed, memory and loss figure of this project, repeatable by one command.

The client processes, the server under test and the bare echo it is compared with are all separate
processes on loopback; nothing here is imported by the server.
"""


class BenchError(Exception):
    """The bench could not be carried out; the message says what failed and what to do."""
