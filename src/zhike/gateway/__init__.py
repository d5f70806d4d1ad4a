"""Sockets: frames, connections, sessions, the hub, heartbeats, admission and draining.

What a process needs to answer its first ``hello`` (adapter, frames, handshake, session, wheel,
frontdoor) imports only uvloop, the compiled part of picows, msgspec and the kernel.
"""
