"""The process's log: one JSON object a line on stderr; ids and times, never content."""

import logging
import sys

import structlog


def configure_logging(level: str) -> None:
    """Set up structured logging for a serving process.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
    """
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, level=max(threshold, logging.WARNING))
