"""What decides about the work of `kgan attack`."""

import dataclasses
import math
import typing
from fractions import Fraction

from kgan_command.settings import rules
from kgan_command.settings.command_settings import CommandSettings, setting
from kgan_command.text import shortened

# The names that kgan knows: tests hold them equal.
ATTACKS = ("fgsm", "pgd")
NORMS = ("linf", "l2")
_STEPS = 40


@dataclasses.dataclass(frozen=True)
class AttackSettings(CommandSettings):
    """The settings of `kgan attack`.

    Raises:
        ValueError: by the constructor, for a value that cannot be, in one sentence.
    """

    smaller: typing.ClassVar[str] = "use a smaller --batch-size or --limit"
    stopped: typing.ClassVar[str] = "Stopped: nothing was written."

    model: str = setting(
        dataclasses.MISSING, None, "a .keras file, or the folder of a kgan transfer run", metavar="MODEL", argument=True
    )
    data: str = setting(
        dataclasses.MISSING,
        None,
        "a folder with a folder of images for each class, or a data set by name (kgan datasets)",
        metavar="DATA",
        argument=True,
    )
    epsilons: str | None = setting(
        None,
        None,
        "how far an input may move, in units of the model's input range: such as 4/255,8/255 where that is 0..1, and "
        "4,8 where it is 0..255",
    )
    attack: str = setting("fgsm", None, "fgsm: one step; pgd: many, and harder to withstand", rules.one_of(ATTACKS))
    norm: str = setting(
        "linf", None, "what epsilon limits; linf: each number, l2: the Euclidean distance", rules.one_of(NORMS)
    )
    steps: int | None = setting(None, None, f"steps of pgd, by default {_STEPS}", rules.whole(1))
    range: str | None = setting(
        None,
        None,
        "black and white in the input of the model, such as 0..1, -1..1 or 0..255; by default as a Rescaling layer at "
        "its beginning tells, else 0..1",
        metavar="LOW..HIGH",
    )
    limit: int = setting(500, None, "attack only so many images, taken evenly from all", rules.whole(1))
    seed: int = setting(0, None, "decides where pgd starts", rules.SEED)
    batch_size: int = setting(32, None, "images attacked at a time", rules.whole(1))
    out: str | None = setting(None, None, "write the table, a figure and examples into it", metavar="FOLDER")

    def check(self):
        if self.steps is not None and self.attack != "pgd":
            raise ValueError("--steps belong to --attack pgd, and fgsm is a single step: leave them out.")
        self.strengths()
        self.bounds()

    def strengths(self) -> list[float] | None:
        """`epsilons`, as `"0.1,8/255"`, as growing numbers, with 0 for the images as they are."""
        if self.epsilons is None:
            return None
        found = {0.0}
        for part in self.epsilons.split(","):
            try:
                value = float(Fraction(part.strip()))
            except (ValueError, ZeroDivisionError, OverflowError):
                value = -1.0
            if not 0 <= value < math.inf:
                raise ValueError(
                    "--epsilons must be numbers from 0 up with commas between them, such as 4/255,8/255 for inputs in "
                    f"0..1 or 4,8 for inputs in 0..255, not {shortened(repr(self.epsilons))}."
                )
            found.add(value)
        return sorted(found)

    def bounds(self) -> tuple[float, float] | None:
        """`range`, as `"0..255"`, as a pair of numbers."""
        if self.range is None:
            return None
        low, dots, high = self.range.partition("..")
        try:
            bounds = float(low), float(high)
        except ValueError:
            bounds = math.nan, math.nan
        if not (dots and all(map(math.isfinite, bounds)) and bounds[0] < bounds[1]):
            raise ValueError(
                f"--range must be like 0..1, -1..1 or 0..255, from black to white, not {shortened(repr(self.range))}."
            )
        return bounds

    @property
    def steps_taken(self) -> int:
        """How many steps the attack takes."""
        return (self.steps or _STEPS) if self.attack == "pgd" else 1
