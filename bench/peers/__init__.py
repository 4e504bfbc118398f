"""What localvault is measured against, each as strong as its own documentation lets it be."""


class PeerMissing(Exception):
    """The peer cannot be had on this machine; the message says what is missing."""
