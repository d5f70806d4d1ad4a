"""Finding what was meant: text normalisation and the index over articles."""
