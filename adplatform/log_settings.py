"""One line an event on standard error: JSON in production, words for people elsewhere."""

import structlog

from adplatform.environment import PRODUCTION, env

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
_shared_processors: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(
                    # Without the first a traceback is written as "<traceback object>".
                    [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
                    if PRODUCTION
                    else [
                        structlog.dev.ConsoleRenderer(
                            colors=False, exception_formatter=structlog.dev.plain_traceback
                        )
                    ]
                ),
            ],
            "foreign_pre_chain": _shared_processors,
        }
    },
    "filters": {"route": {"()": "adplatform.lib.log_context.RouteFilter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "default", "filters": ["route"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    # It warns at each connection that a broker on a folder has no host name.
    "loggers": {"kombu.connection": {"level": "ERROR"}, "axes": {"level": "WARNING"}},
}
