"""The human side: who holds a conversation, who may join one, what was read, what is owed."""
