"""What decides about the work of `kgan sample`."""

import dataclasses
import typing

from kgan_command.settings import rules
from kgan_command.settings.command_settings import CommandSettings, setting
from kgan_command.text import shortened

FRAMES = 8


@dataclasses.dataclass(frozen=True)
class SampleSettings(CommandSettings):
    """The settings of `kgan sample`.

    Raises:
        ValueError: by the constructor, for a value that cannot be, in one sentence.
    """

    smaller: typing.ClassVar[str] = "ask for fewer images at a time"

    source: str = setting(
        dataclasses.MISSING,
        None,
        "folder of a run, or a SavedModel that kgan exported",
        metavar="SOURCE",
        argument=True,
    )
    n: int | None = setting(
        None,
        None,
        "how many images; by default 64, in a grid as many more as fill it",
        (
            rules.Rule(lambda value: value >= 1, "a whole number of at least 1"),
            rules.Rule(lambda value: value <= rules.SEED_MOST, f"a whole number of at most {rules.SEED_MOST}"),
        ),
    )
    seed: int = setting(0, None, "the same seed gives the same images", rules.SEED)
    out: str = setting("samples.png", None, "a path ending in .png for one grid, or a folder for single images")
    labels: str | None = setting(
        None, None, "classes by name or number, such as cat,dog or 0,1,2; they take turns; by default all"
    )
    interpolate: str | None = setting(
        None,
        None,
        f"from the images of one seed to those of another, in rows of {FRAMES}, along great circles",
        metavar="SEED,SEED",
    )

    def check(self):
        self.seeds()

    def seeds(self) -> list[int]:
        """The seed of the images, or the two at the ends of the interpolation."""
        if self.interpolate is None:
            return [self.seed]
        parts = [part.strip() for part in self.interpolate.split(",")]
        if len(parts) != 2 or not all(part.isdecimal() for part in parts):
            raise ValueError(f"--interpolate takes two seeds, such as 0,1, not {shortened(repr(self.interpolate))}.")
        # By their length first: Python takes no number of thousands of digits.
        if not all(len(part) <= 20 and int(part) <= rules.SEED_MOST for part in parts):
            raise ValueError(f"the seeds of --interpolate must be whole numbers from 0 to {rules.SEED_MOST}.")
        return [int(part) for part in parts]
