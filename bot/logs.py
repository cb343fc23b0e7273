"""Logging: structlog for us, the libraries' own logging and loguru quietened and sent the same way, all redacted."""

from __future__ import annotations

import logging
import sys

import structlog
from loguru import logger as pipecat_logger

from bot.record.logs import RedactingFilter, redact_processor


def configure_logs(*, as_json: bool) -> None:
    """Call once, before anything else logs. ``as_json``: one JSON object a line, for a collector."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if as_json else structlog.dev.set_exc_info,
            redact_processor,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RedactingFilter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    pipecat_logger.remove()
    pipecat_logger.add(_to_logging, level="WARNING")


def _to_logging(message: object) -> None:
    """Pipecat logs through loguru: hand its warnings to ``logging``, where they are redacted."""
    record = message.record  # type: ignore[attr-defined]
    logging.getLogger("pipecat").log(record["level"].no, record["message"])
