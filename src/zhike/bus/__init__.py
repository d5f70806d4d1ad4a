"""All that crosses from a conversation to a connection goes through here."""
