"""What the proxy layer raises: one family, each message telling a person what to do."""

__all__ = ["ProxyError"]


class ProxyError(Exception):
    """The proxy cannot do what was asked; the message says what failed and what helps."""
