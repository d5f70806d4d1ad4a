"""Uploads: what a file really is, where its bytes lie, and links that expire."""
