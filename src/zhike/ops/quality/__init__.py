"""Trying out prompts, and the gate that refuses a change that makes answers worse."""
