"""The only package that wires the others together.

``process`` is what ``zhike serve`` runs: the socket first, then everything behind it. ``core`` is
one app instance without connections; ``http`` the web side.
"""

from zhike.app.process import serve

__all__ = ["serve"]
