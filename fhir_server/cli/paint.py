"""Colour for frames, only where a terminal shows them; ``NO_COLOR`` and pipes get plain text."""

import sys

import click

_STYLES = (
    (r"^(?:error|помилка)\[[^\]]*\]", "bold red"),
    (r"^(?:warning|попередження)\[[^\]]*\]", "bold yellow"),
    (r"^(?:note|примітка)\[[^\]]*\]", "bold cyan"),
    (r"(?m)^ *\d* [│┌]─?", "blue"),
    (r"(?m)(?<=│ ) *\^+.*$", "bold red"),
    (r"(?m)^ +=(?= )", "blue"),
    (r"(?m)^ +(?P<fix>= (?:safe fix|безпечна правка).*)$", "green"),
)


def show(text: str) -> None:
    """Print text for people on stderr."""
    if not sys.stderr.isatty():
        click.echo(text, err=True)
        return
    from rich.console import Console
    from rich.text import Text

    painted = Text(text)
    for pattern, style in _STYLES:
        painted.highlight_regex(pattern, style)
    Console(stderr=True, highlight=False).print(painted, soft_wrap=True)


def show_page(text: str) -> None:
    """Print a page of Markdown on stdout, its headings in bold where a terminal shows them."""
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.text import Text

    painted = Text(text, end="")
    painted.highlight_regex(r"(?m)^#+ .*$", "bold")
    painted.highlight_regex(r"https?://\S+", "blue")
    Console(highlight=False).print(painted, soft_wrap=True)
