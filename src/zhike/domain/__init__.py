"""Pure types and transitions: no I/O, no clock, standard library and msgspec only."""
