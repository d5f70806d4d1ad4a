"""Hands waiting conversations to people: see :mod:`zhike.desk.routing.router`."""
