"""The widgets: lists of lines for everything, and a few one-line parts."""
