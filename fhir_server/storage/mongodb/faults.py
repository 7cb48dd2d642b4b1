"""Faults of the database, told as what they mean for the client."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError

from fhir_server.model import TooCostly, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

MAX_TIME_MS_EXPIRED = 50
RETRY_AFTER_S = "2"


def with_faults(
    method: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a method raise `Unavailable` or `TooCostly` where the driver raises its own errors."""

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except ExecutionTimeout as error:
            raise TooCostly.of("search-too-slow") from error
        except OperationFailure as error:
            if error.code == MAX_TIME_MS_EXPIRED:
                raise TooCostly.of("search-too-slow") from error
            raise unavailable() from error
        except PyMongoError as error:
            raise unavailable() from error

    return call


def unavailable() -> Unavailable:
    """The database does not answer as it should; nothing about it is told to clients."""
    refusal = Unavailable.of("store-unavailable")
    return Unavailable(refusal.issues, {"Retry-After": RETRY_AFTER_S})
