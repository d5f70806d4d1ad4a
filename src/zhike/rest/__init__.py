"""The HTTP API, thin: decode, call, encode. Everything it needs of others is a port (``ports``)."""
