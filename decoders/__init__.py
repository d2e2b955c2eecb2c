"""Wire to typed values: everything that turns bytes into meaning, free of I/O and side effects."""
