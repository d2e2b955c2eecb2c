"""The four screens and the windows over them."""
