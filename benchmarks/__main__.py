"""``python -m benchmarks [QUESTION [OPTIONS]]``: one question, or all of them."""

import sys
from importlib import import_module

QUESTIONS = ("startup", "validation", "hostile", "store", "requests", "search", "sizing", "crash")


def main() -> None:
    """Run what was asked for."""
    chosen, *options = sys.argv[1:] or [""]
    names = [chosen] if chosen else list(QUESTIONS)
    for name in names:
        if name not in QUESTIONS:
            sys.exit(f"no benchmark {name}: {', '.join(QUESTIONS)}")
        import_module(f"benchmarks.{name}").main(options)


main()
