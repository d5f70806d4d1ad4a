"""A real llama.cpp server for tests, with a model that a script makes: no download, no network.

The model is a tiny Qwen2 with random weights: it says nonsense, but at the real speed of the real
protocol, and made to say something by a ``grammar`` in the request it says that. ``slow`` is the
same with a feed-forward part full of zeros: the same words, hundreds of times slower, for tests of
what happens to a generation that is left.
"""
