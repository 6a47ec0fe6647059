"""What can go wrong between neighbours, in three kinds: ours, theirs, the world's. Each says what to do next.

Never raised for a casework rule (those are `schemas.casework.lifecycle.NotPermitted`); arriving disorder that can be
recorded is recorded, not raised. `sync.http` turns these into 4xx answers.
"""

from schemas.wire import Cursor, Refusal


class Fault(Exception):
    """A typed refusal: stable code, a sentence that says what to do, and the HTTP status that fits it."""

    status = 400

    def __init__(self, code: str, hint: str, *, cursors: list[Cursor] | None = None, retry_after_s: int = 0) -> None:
        super().__init__(f"{code}: {hint}")
        self.code = code
        self.hint = hint
        self.cursors = cursors or []
        self.retry_after_s = retry_after_s

    def refusal(self) -> Refusal:
        """The same as a wire value."""
        return Refusal(self.code, self.hint, self.cursors, self.retry_after_s)


class LocalFault(Fault):
    """Our own side cannot do what was asked: wrong state, wrong key, wrong settings."""

    status = 409


class RemoteFault(Fault):
    """What arrived is not acceptable: broken chain or signature, wrong sender, too large, a gap."""

    status = 400


class UnknownSender(RemoteFault):
    """The sender is not enrolled here, or its device was revoked."""

    status = 403


class GapFault(RemoteFault):
    """A page starts above what we hold; `cursors` says where to start again."""

    status = 409


class Busy(Fault):
    """The world's fault: the queue is full or the disk is. Nothing was taken; try again after `retry_after_s`."""

    status = 503


class AnotherWriter(LocalFault):
    """Somebody else wrote into this node's store since we read it: our pen is lost and this process must stop."""
