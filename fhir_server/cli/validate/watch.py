"""``--watch``: check again what has changed; by looking at times of change, twice a second."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

PAUSE_SECONDS = 0.5

_State = Mapping[Path, tuple[int, int]]


def watch(
    files: Callable[[], Iterable[Path]],
    changed: Callable[[list[Path]], None],
    pause: Callable[[], None] = lambda: time.sleep(PAUSE_SECONDS),
) -> None:
    """Call ``changed`` with new and changed files until ``pause`` raises KeyboardInterrupt.

    Args:
        files: Lists what is watched, asked each time: files may come and go.
        changed: Told once a round, only if there is something.
        pause: Waits for the next round.
    """
    seen: _State = _state(files())
    try:
        while True:
            pause()
            now = _state(files())
            different = [path for path, state in now.items() if seen.get(path) != state]
            seen = now
            if different:
                changed(different)
    except KeyboardInterrupt:
        return


def _state(files: Iterable[Path]) -> _State:
    state = {}
    for path in files:
        try:
            found = path.stat()
        except OSError:
            continue  # it was just removed
        state[path] = (found.st_mtime_ns, found.st_size)
    return state
