"""The one tree of errors that crosses Kanal's seams.

Whoever catches one acts on its branch and never on its text: `Invalid` is the user's to mend, `Unavailable` is worth
another try, `Denied` needs a permission. What a branch means to HTTP, to a condition and to a shell stands here and
nowhere else. Library errors are chained as the cause and never leave the edge that met them.
"""

from __future__ import annotations


class EventingError(Exception):
    """Something went wrong with one object; says which, in which field, and what to do about it."""

    http_status = 500
    exit_code = 1
    reason = "InternalError"

    def __init__(self, message: str, *, where: str = "", field: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.field = field
        self.fix = fix

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.where, self.field) if part)
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}; {self.fix}" if self.fix else text


class Invalid(EventingError):
    """The input is wrong and stays wrong however often it is sent again."""

    http_status = 400
    exit_code = 2
    reason = "Invalid"


class TooLarge(Invalid):
    """The event is larger than a limit on its way; the message names the limit."""

    http_status = 413
    reason = "TooLarge"


class NotFound(Invalid):
    """The named thing does not exist."""

    http_status = 404
    reason = "NotFound"


class Conflict(Invalid):
    """The object is not as the request takes it to be; read it again and decide anew."""

    http_status = 409
    reason = "Conflict"


class AlreadyExists(Conflict):
    """There is an object of this name."""

    reason = "AlreadyExists"


class Gone(EventingError):
    """What is asked for is older than what is kept; begin anew with what there is."""

    http_status = 410
    reason = "Expired"


class Unavailable(EventingError):
    """A neighbour does not answer for now; the same request can succeed later."""

    http_status = 503
    exit_code = 3
    reason = "Unavailable"


class Overloaded(Unavailable):
    """A bounded queue is full; the sender should slow down."""

    http_status = 429
    reason = "Overloaded"


class Denied(EventingError):
    """The neighbour knows us and says no."""

    http_status = 403
    exit_code = 4
    reason = "Denied"
