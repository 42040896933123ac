"""What commands print."""

from collections.abc import Iterable

from rich.console import Console

from kgan.foreign_text import printable


def say(console: Console, *lines: str, style: str | None = None) -> None:
    """Prints lines as they are: a path in one can look like markup, be long, and hold what no terminal should get."""
    for line in lines:
        console.print(printable(line), style=style, highlight=False, markup=False, soft_wrap=True)


def note(console: Console, sentences: Iterable[str]) -> None:
    """Prints what the user should know, although nothing stops for it; nothing for what is empty."""
    say(console, *filter(None, sentences), style="yellow")
