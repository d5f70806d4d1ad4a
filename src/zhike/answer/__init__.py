"""The answer engine: rules, cached answers, knowledge; later models and tools."""
