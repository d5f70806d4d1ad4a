"""The way of a message: receive → decode → dedup → understand → route → queue → send."""
