"""The error tree.

Every error carries a stable ``code``: logs and the call record keep the code, and the code chooses
the French sentence the caller hears (``operator.yml``, ``phrases``).

    DecrocheError                 decroche.error
    ├── ConfigurationError        config.invalid
    ├── ModelUnavailableError     models.unavailable
    ├── RecognitionError          recognition.failed
    │   └── RecognitionBusyError  recognition.busy
    ├── VoiceError                voice.failed
    ├── DialogueError             dialogue.failed
    │   ├── DialogueTimeoutError  dialogue.timeout
    │   └── DialoguePayloadError  dialogue.payload
    ├── StoreError                store.failed
    │   └── StoreRejectedError    store.rejected
    ├── TransportError            transport.failed
    ├── LineError                 line.failed
    │   ├── CallerGoneError       line.caller_gone
    │   └── AgentGoneError        line.agent_gone
    ├── CapacityError             calls.full
    ├── AccessDeniedError         access.denied
    │   ├── UnauthenticatedError  access.unauthenticated
    │   ├── RateLimitedError      access.rate
    │   └── TokenError            handoff.token
    │       ├── TokenForgedError  handoff.token_forged
    │       ├── TokenSiteError    handoff.token_site
    │       ├── TokenExpiredError handoff.token_expired
    │       └── TokenUsedError    handoff.token_used
    └── InputError                input.invalid
        ├── NotFoundError         input.not_found
        ├── ConflictError         desk.state
        │   └── TooLateError      desk.too_late
        └── NumberRefusedError    input.number
"""

from __future__ import annotations


class DecrocheError(Exception):
    """Base of every error that this project raises on purpose."""

    code = "decroche.error"


class ConfigurationError(DecrocheError):
    """A setting or ``operator.yml`` is wrong; the message names file, key and reason."""

    code = "config.invalid"


class ModelUnavailableError(DecrocheError):
    """A speech model could not be found, fetched or verified; the message says what was tried."""

    code = "models.unavailable"


class RecognitionError(DecrocheError):
    """Speech recognition failed on an utterance."""

    code = "recognition.failed"


class RecognitionBusyError(RecognitionError):
    """The bounded recognition queue is full."""

    code = "recognition.busy"


class VoiceError(DecrocheError):
    """Speech synthesis failed on a sentence."""

    code = "voice.failed"


class DialogueError(DecrocheError):
    """The dialogue server failed to answer a turn."""

    code = "dialogue.failed"


class DialogueTimeoutError(DialogueError):
    """The dialogue server did not answer in time; the turn may or may not have been taken."""

    code = "dialogue.timeout"


class DialoguePayloadError(DialogueError):
    """The dialogue server answered something outside the contract (``docs/contract.md``)."""

    code = "dialogue.payload"


class StoreError(DecrocheError):
    """The call record could not be read or written."""

    code = "store.failed"


class StoreRejectedError(StoreError):
    """The database is well but refuses this very data; writing it again would fail again."""

    code = "store.rejected"


class TransportError(DecrocheError):
    """A media door (browser, phone) failed."""

    code = "transport.failed"


class LineError(DecrocheError):
    """The telephone line (Asterisk) refused or did not answer an order."""

    code = "line.failed"


class CallerGoneError(LineError):
    """The caller hung up: whatever was being done for them is over, and every leg of it has been ended."""

    code = "line.caller_gone"


class AgentGoneError(LineError):
    """The agent's leg ended before it was joined to the caller."""

    code = "line.agent_gone"


class CapacityError(DecrocheError):
    """As many calls run as this server takes; the caller may try again in a moment."""

    code = "calls.full"


class InputError(DecrocheError):
    """Something a person or another program sent is malformed; the message says what and why."""

    code = "input.invalid"


class NotFoundError(InputError):
    """What was asked for does not exist."""

    code = "input.not_found"


class ConflictError(InputError):
    """What an agent asks for is not possible as things stand; the message is French, for them."""

    code = "desk.state"


class TooLateError(ConflictError):
    """The call that an agent wants is not there to be had any more."""

    code = "desk.too_late"


class NumberRefusedError(InputError):
    """A telephone number that is not rung.

    ``reason``: ``malformed`` | ``unknown`` | ``short`` | ``premium`` | ``foreign`` | ``not_listed``. The message never
    holds the number.
    """

    code = "input.number"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AccessDeniedError(DecrocheError):
    """Whoever asks has no right to it."""

    code = "access.denied"


class UnauthenticatedError(AccessDeniedError):
    """Nobody said who asks: no bearer token."""

    code = "access.unauthenticated"


class RateLimitedError(AccessDeniedError):
    """Too many refused attempts from one place; try again later."""

    code = "access.rate"


class TokenError(AccessDeniedError):
    """A reference to a handoff is not good."""

    code = "handoff.token"


class TokenForgedError(TokenError):
    """Not one of ours, or altered."""

    code = "handoff.token_forged"


class TokenSiteError(TokenError):
    """Made for another site than the one that shows it."""

    code = "handoff.token_site"


class TokenExpiredError(TokenError):
    """Its time is over."""

    code = "handoff.token_expired"


class TokenUsedError(TokenError):
    """It has been exchanged already."""

    code = "handoff.token_used"
