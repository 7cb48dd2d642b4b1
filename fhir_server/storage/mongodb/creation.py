"""Creation numbers: they order resources, break ties and never change afterwards."""

import random
import time

_RANDOM_BITS = 12


class CreationNumbers:
    """Microseconds since 1970 and 12 random bits of the process, ever growing.

    Two processes collide only in the same microsecond with the same bits; then a page boundary that
    falls between the two resources leaves one of them out.
    """

    def __init__(self) -> None:
        self._bits = random.getrandbits(_RANDOM_BITS)
        self._last = 0

    def next(self) -> int:
        """Return a number greater than all before."""
        now = ((time.time_ns() // 1_000) << _RANDOM_BITS) | self._bits
        self._last = max(now, self._last + (1 << _RANDOM_BITS))
        return self._last
