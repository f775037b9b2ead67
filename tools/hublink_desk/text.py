"""Text of somebody else's, for a terminal."""


def printable(text):
    """`text` with its control characters, and whatever else cannot be seen, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
