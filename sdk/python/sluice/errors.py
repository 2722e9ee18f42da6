"""Failures that have a name in the workflow language and are raised by the SDK itself."""


class InvalidInput(Exception):
    """An input is not what its port says. Not retried."""


class InvalidOutput(Exception):
    """The function gave something that its outputs cannot take. Not retried."""


class TooLarge(Exception):
    """A value is beyond a limit; the message says which and what to do. Not retried."""


class Cancelled(BaseException):
    """The task is over: cancelled, timed out, or rolled back.

    Raised in the function where it runs (or at its next call into `sluice`). It is no `Exception`, so
    that `except Exception` does not swallow it. Clean up and let it pass: a function that goes on is
    killed when the grace (2 s) is over.
    """


class ProtocolError(Exception):
    """The node sent what the protocol does not allow. Ends the worker."""


class LoadError(Exception):
    """The function cannot be loaded, or does not fit its declared ports."""

    def __init__(self, message, trace=""):
        super().__init__(message)
        self.trace = trace
