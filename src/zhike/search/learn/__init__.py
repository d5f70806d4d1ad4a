"""The learned intent model: trained on one bot's own phrasings, in a child process.

``features`` and ``model`` are all the server needs (and numpy, once a model is there); ``fit`` needs
scikit-learn and runs only in the child (``child``), which ``trainer`` starts, watches and repeats.
"""
