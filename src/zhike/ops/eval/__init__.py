"""``zhike eval``: how often the bot is right, wrong and silent, measured with the product's own engine.

Nothing here knows how to answer: texts go through :func:`zhike.search.text.understand` and
:class:`zhike.answer.engine.Engine`, as a visitor's do, and only what comes back is counted.
"""
