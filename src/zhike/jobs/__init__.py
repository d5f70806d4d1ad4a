"""Durable timers and the outbox's dispatcher: what happens later, once, whatever happens meanwhile."""
