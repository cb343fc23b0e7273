"""The redactor on the way to the logs: ours (structlog) and those of libraries (stdlib logging)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from structlog.processors import format_exc_info

from bot.record.redact import NUMBER_MASK, Level, redact, redact_value

_OUR_KEYS = frozenset({"timestamp", "level", "logger", "call_id", "case_id", "handoff_id", "code", "stage"})
"""Fields whose values are identifiers and words of ours."""

_HIDDEN_KEYS = frozenset({"caller_number", "phone", "subscriber_number"})
"""Fields whose values a log never shows, whatever they look like."""


_KEY_ON_THE_WIRE = re.compile(r"""(\\?["']digit\\?["']\s*:\s*\\?["'])[^"'\\]""")
"""One key in a message of the line's, as protocol libraries print it at debug level: eight lines of a digit each are a
date of birth, which no rule about numbers sees."""


def redact_processor(logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """structlog processor: every value of a log entry at :attr:`Level.LOG`; put it last before the renderer.

    Tracebacks become text here, without local variables: these hold what callers said.
    """
    event_dict = format_exc_info(logger, method, event_dict)
    for key, value in event_dict.items():
        if key in _HIDDEN_KEYS:
            event_dict[key] = NUMBER_MASK if value else value
        elif key not in _OUR_KEYS:
            event_dict[key] = redact_value(value, Level.LOG, key)
    return event_dict


class RedactingFilter(logging.Filter):
    """Redacts the records of libraries; put it on the handler, where every record passes.

    The message is formatted here, once, and the traceback with it: both may carry a caller's words.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Always keeps the record, redacted."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # a library's own wrong format: keep its template
            message = str(record.msg)
        record.msg, record.args = redact(_KEY_ON_THE_WIRE.sub(r"\1…", message), Level.LOG), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text, Level.LOG)
        return True
