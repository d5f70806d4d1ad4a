"""Tables and every SQL statement of zhike: plain functions of a SQLAlchemy Core connection."""
