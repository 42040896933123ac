"""What the value of a setting may be."""

import dataclasses
import difflib
from collections.abc import Callable, Iterable

from kgan_command.text import shortened

MOST = 2**63 - 1
SEED_MOST = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class Rule:
    """Whether a value is good, and what a good one is, in words."""

    good: Callable[[object], bool]
    words: str

    def check(self, flag: str, value) -> None:
        """Refuses a value.

        Args:
            flag: what the user calls the setting.
            value: of the right type.

        Raises:
            ValueError: in one sentence.
        """
        if not self.good(value):
            raise ValueError(
                f"{flag} must be {self.words}, not {shortened(repr(value) if isinstance(value, str) else value)}."
            )


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some words."""

    right: tuple[str, ...]

    def check(self, flag: str, value: str) -> None:
        """As `Rule.check`, with the nearest right word."""
        if value not in self.right:
            raise ValueError(f"unknown {flag} {shortened(repr(value))}{nearest(value, self.right)}")


def whole(least: int, most: int = MOST) -> tuple[Rule, ...]:
    """Whole numbers from `least` up."""
    if most < MOST:
        return (Rule(lambda value: least <= value <= most, f"a whole number from {least} to {most}"),)
    return (
        Rule(lambda value: value >= least, f"a whole number of at least {least}"),
        Rule(lambda value: value <= most, f"a whole number of at most {most}"),
    )


SEED = whole(0, SEED_MOST)
POSITIVE = (Rule(lambda value: 0 < value < float("inf"), "a number above 0"),)
MOMENTUM = (Rule(lambda value: 0 <= value < 1, "at least 0 and below 1"),)
SHARE = (Rule(lambda value: 0 < value < 1, "a share between 0 and 1, such as 0.2"),)
DEVICES = (Rule(lambda value: value == "auto" or _is_number(value), "auto or a whole number of at least 1"),)


def one_of(choices: Iterable[str]) -> tuple[Choice]:
    """One of some words."""
    return (Choice(tuple(choices)),)


def nearest(name: str, right: Iterable[str]) -> str:
    """`": did you mean ...?"` or, if none is near, all the right names."""
    right = list(right)
    near = difflib.get_close_matches(name.lower().replace("-", "_"), right, n=1)
    return f": did you mean {near[0]}?" if near else f": use one of {', '.join(right)}."


def image_shape(flag: str, text: str | None) -> tuple[int, int] | None:
    """`SIDE` or `HEIGHTxWIDTH` as `(height, width)`."""
    if text is None:
        return None
    sides = text.lower().split("x")
    # By their length first: Python takes no numbers of thousands of digits.
    if len(sides) > 2 or not all(s.isdecimal() and len(s) <= 9 and int(s) >= 8 for s in sides):
        raise ValueError(
            f"{flag} must be a side from 8 up or HEIGHTxWIDTH, such as 32 or 48x64, not {shortened(repr(text))}."
        )
    return int(sides[0]), int(sides[-1])


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= 9 and int(text) >= 1
