"""Shipped test tools: virtual time, inline stores, fault layers, contract suites."""
