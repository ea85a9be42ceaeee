"""What can go wrong on the way to a vendor or to the keeper. None of these carries a byte of content.

    TransportError
    +-- RequestUnsendableError   our request breaks the rules below; nothing was sent
    +-- VendorUnreachable        no connection, so nothing was sent
    +-- PeerKeyUnexpected        connected to somebody else than was pinned or attested; nothing was sent
    +-- VendorTimeout            connected, and then silence
    +-- VendorReset              connected, and then cut off
    +-- AnswerInvalid            connected, and the answer is not HTTP as we read it
    +-- AnswerTooLarge           connected, and the answer is larger than we hold
    +-- KeeperLost               the keeper's socket closed with calls in flight
    +-- KeeperFailed             the keeper raised instead of answering
    +-- SinkFailed               a receiver of the record did not take all that was sent
    +-- FrameTooLargeError       a message to or from the keeper is larger than a frame may be

Nothing is retried here: after a byte was sent the vendor may have acted on it (`may_have_sent`).
"""

from typing import ClassVar


class TransportError(Exception):
    """Any of the above. The pipeline closes the ledger entry and refuses."""

    may_have_sent: ClassVar[bool] = True


class RequestUnsendableError(TransportError):
    """The request names an origin outside the registry, or a field that would break its framing. The operator mends."""

    may_have_sent: ClassVar[bool] = False


class VendorUnreachable(TransportError):  # noqa: N818 - an outcome with a reason code of the same name
    """No name, route, listener or acceptable certificate. The operator checks the deployment's address and TLS."""

    may_have_sent: ClassVar[bool] = False


class PeerKeyUnexpected(TransportError):  # noqa: N818
    """The TLS key is not a pinned one, or not the one that was attested. The operator compares it with the record."""

    may_have_sent: ClassVar[bool] = False


class VendorTimeout(TransportError):  # noqa: N818
    """The vendor accepted the request and was silent for too long. The caller may ask again."""


class VendorReset(TransportError):  # noqa: N818
    """The vendor closed the connection before its answer was complete. The caller may ask again."""


class AnswerInvalid(TransportError):  # noqa: N818
    """The answer is not well-formed HTTP/1.1, is encoded though identity was asked for, or is not alone."""


class AnswerTooLarge(TransportError):  # noqa: N818
    """The answer exceeds the bound on memory. The operator may raise `max_answer_bytes`."""


class KeeperLost(TransportError):  # noqa: N818
    """The keeper is gone; whether it acted is unknown. The worker refuses until it is back."""


class KeeperFailed(TransportError):  # noqa: N818
    """The keeper could not answer this call. Its own log says why; the worker refuses the call."""


class FrameTooLargeError(TransportError):
    """A message exceeds the frame limit. A bug of ours, or a stranger on the socket."""


class SinkFailed(TransportError):  # noqa: N818
    """A receiver of the record did not take all that was sent. It is sent again; the operator looks at the receiver."""


class ObjectRefused(TransportError):  # noqa: N818
    """The object store did not take or give an object, or cannot lock it. The operator looks at bucket and rights."""
