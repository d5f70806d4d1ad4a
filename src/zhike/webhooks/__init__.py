"""Webhooks: tells programs of the owner's what happens, signed, in order, at least once."""
