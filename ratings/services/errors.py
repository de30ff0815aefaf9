"""What a service raises when it will not do what was asked."""


class Refused(ValueError):
    """Not done, and why; the message is Chinese, for the person who asked."""
