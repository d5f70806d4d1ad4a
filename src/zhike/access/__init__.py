"""Who may do what: identities, sessions, keys, limits and rights. Knows the store, not HTTP."""
