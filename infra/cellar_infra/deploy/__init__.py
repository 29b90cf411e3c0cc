"""One command that stands up the whole system in N regions."""
