"""The settings of a run: every one of them, its default, what it means and what it may be, in one place.

The flags of `kgan train`, `config.json` and the plan of `--dry-run` are made from `Settings`.
"""

import dataclasses
import difflib
import math
import operator
import types
import typing

import numpy as np

from kgan import memory
from kgan.foreign_text import shortened
from kgan.losses import adversarial, penalties
from kgan.networks.dcgan import DISCRIMINATOR_NORMALIZATIONS, NORMALIZATIONS
from kgan.scalars import is_count, is_real

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
AUTO = "auto"
_DIGITS = 9  # of a side in pixels
_MOST = 2**63 - 1
_AUTO_PENALTIES = ("r1", "r2")
# A resumed run may go on for longer; everything else stays as it was.
MAY_CHANGE_ON_RESUME = ("epochs", "minutes")


def _setting(default, group: str, description: str):
    return dataclasses.field(default=default, metadata={"group": group, "description": description})


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides about a run. `None` and `"auto"` are filled in before training by `kgan.cli.recipe.complete`.

    Raises:
        ValueError: by the constructor, for a value that cannot be, in one sentence.
    """

    data: str = _setting("mnist5k", "Data", "a name from `kgan datasets`, tfds:NAME, a folder of images, .npz or .npy")
    limit: int | None = _setting(None, "Data", "use only so many images, taken evenly from all")
    image_size: str | None = _setting(None, "Data", "SIDE or HEIGHTxWIDTH; by default as the images are")
    labels: bool | None = _setting(None, "Data", "train with the classes; by default if the data has them")

    width: int = _setting(32, "Networks", "channels next to the image; deeper layers have up to 8 times as many")
    latent_dim: int = _setting(100, "Networks", "how many random numbers make an image")
    generator_normalization: str = _setting("batch", "Networks", ", ".join(NORMALIZATIONS))
    discriminator_normalization: str = _setting(
        "none", "Networks", f"{', '.join(DISCRIMINATOR_NORMALIZATIONS)}; batch harms penalties"
    )

    loss: str = _setting("relativistic", "Game", ", ".join(adversarial.ALL))
    penalties: str = _setting(
        "r1:auto,r2:auto",
        "Game",
        f"NAME:WEIGHT,... of {', '.join(penalties.ALL)}; or none; auto: a weight for r1 and r2 that suits the images",
    )
    k: int = _setting(1, "Game", "updates of the discriminator per update of the generator")
    batch_size: int = _setting(64, "Game", "images per update")
    generator_lr: float = _setting(1e-3, "Game", "learning rate of the generator")
    discriminator_lr: float = _setting(1e-3, "Game", "learning rate of the discriminator")
    beta_1: float = _setting(0.5, "Game", "Adam's momentum")
    beta_2: float = _setting(0.999, "Game", "Adam's memory of squared gradients")
    ema: float = _setting(0.99, "Game", "momentum of the generator's moving average, which makes the samples; 0: none")

    epochs: int | None = _setting(50, "Length", "passes over the data")
    minutes: float | None = _setting(
        None, "Length", "train so long instead, to the end of the epoch; with --epochs, whichever is over first"
    )
    steps_per_epoch: int | None = _setting(None, "Length", "end epochs early, for large data")

    seed: int = _setting(0, "Machine", "the same seed gives the same run")
    precision: str = _setting("auto", "Machine", ", ".join(PRECISIONS))
    devices: str = _setting("auto", "Machine", "how many GPUs, or CPU devices without any; auto: every GPU")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _plain(getattr(self, field.name)))
            _check_type(field.name, getattr(self, field.name), TYPES[field.name])
        for name in ("limit", "width", "latent_dim", "k", "batch_size", "epochs", "steps_per_epoch"):
            _check(self, name, lambda value: value >= 1, "a whole number of at least 1")
            _check(self, name, lambda value: value <= _MOST, f"a whole number of at most {_MOST}")
        for name in ("generator_lr", "discriminator_lr", "minutes"):
            _check(self, name, lambda value: 0 < value < float("inf"), "a number above 0")
        for name in ("beta_1", "beta_2", "ema"):
            _check(self, name, lambda value: 0 <= value < 1, "at least 0 and below 1")
        _check(self, "seed", lambda value: 0 <= value < 2**31, "a whole number from 0 to 2147483647")
        _check_choice("generator_normalization", self.generator_normalization, NORMALIZATIONS)
        _check_choice("discriminator_normalization", self.discriminator_normalization, DISCRIMINATOR_NORMALIZATIONS)
        _check_choice("loss", self.loss, adversarial.ALL)
        _check_choice("precision", self.precision, PRECISIONS)
        if self.devices != "auto" and not (self.devices.isdecimal() and int(self.devices) >= 1):
            raise ValueError(
                f"devices must be auto or a whole number of at least 1, not {shortened(repr(self.devices))}."
            )
        if self.epochs is None and self.minutes is None:
            raise ValueError("give epochs or minutes, so that training ends.")
        self.shape()
        self.penalty_weights()

    def shape(self) -> tuple[int, int] | None:
        """`image_size` as `(height, width)`."""
        if self.image_size is None:
            return None
        sides = self.image_size.lower().split("x")
        # By their length first: Python takes no numbers of thousands of digits.
        if len(sides) > 2 or not all(s.isdecimal() and len(s) <= _DIGITS and int(s) >= 8 for s in sides):
            raise ValueError(
                "image_size must be a side from 8 up or HEIGHTxWIDTH, such as 32 or 48x64, not "
                f"{shortened(repr(self.image_size))}."
            )
        height, width = int(sides[0]), int(sides[-1])
        memory.check_fits(4 * height * width, f"one grey image of {height}x{width}", "use a smaller image_size")
        return height, width

    def penalty_weights(self) -> dict[str, float | str]:
        """`penalties` as `{name: weight}`; a weight that depends on the image size is `"auto"`."""
        weights = {}
        if self.penalties == "none":
            return weights
        for item in self.penalties.split(","):
            name, _, weight = item.strip().partition(":")
            _check_choice("penalties", name, [*penalties.ALL, "none"])
            if name in weights:
                raise ValueError(f"penalties names {name} twice: give it once, with the summed weight.")
            if weight.strip() == AUTO:
                if name not in _AUTO_PENALTIES:
                    raise ValueError(
                        f"penalties has no auto weight for {name}, only for {' and '.join(_AUTO_PENALTIES)}: give a "
                        f"number, such as {name}:10."
                    )
                weights[name] = AUTO
                continue
            try:
                weights[name] = float(weight)
                good = 0 <= weights[name] < float("inf")
            except ValueError:
                good = False
            if not good:
                raise ValueError(
                    "penalties must be like r1:0.5,r2:0.5, with a weight from 0 up or auto, not "
                    f"{shortened(repr(item.strip()))}."
                )
        return weights

    def with_weights(self, auto_weight: float) -> "Settings":
        """These settings with `auto_weight` wherever a weight of `penalties` is `"auto"`."""
        weights = self.penalty_weights()
        if AUTO not in weights.values():
            return self
        numbers = {name: auto_weight if weight == AUTO else weight for name, weight in weights.items()}
        return dataclasses.replace(self, penalties=",".join(f"{name}:{w!r}" for name, w in numbers.items()))

    def to_dict(self) -> dict:
        """All settings by name, ready for JSON."""
        return dataclasses.asdict(self)

    def changed(self, **values) -> "Settings":
        """These settings with some others; a new length takes the place of the old one."""
        if "minutes" in values:
            values = {"epochs": None, **values}
        elif "epochs" in values:
            values = {"minutes": None, **values}
        return dataclasses.replace(self, **values)

    def differences(self, other: "Settings") -> list[str]:
        """The names of the settings that are not the same in `other`, however they are written."""

        def meaning(settings, name):
            read = {"image_size": settings.shape, "penalties": settings.penalty_weights}.get(name)
            return read() if read else getattr(settings, name)

        return [name for name in TYPES if meaning(self, name) != meaning(other, name)]


TYPES = typing.get_type_hints(Settings)


def from_dict(values, where: str) -> Settings:
    """Settings from what JSON holds; those left out have their defaults.

    Args:
        values: dict of names to values.
        where: what to call it in an error.

    Raises:
        ValueError: for an unknown name, with the nearest right one, and as `Settings`.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{where} must hold settings by name, not {type(values).__name__}.")
    for name in values:
        if name not in TYPES:
            raise ValueError(f"{where} holds the unknown setting {shortened(repr(name))}{nearest(name, TYPES)}")
    try:
        return Settings().changed(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def nearest(name: str, right: typing.Iterable[str]) -> str:
    """`": did you mean ...?"` or, if none is near, all the right names."""
    right = list(right)
    near = difflib.get_close_matches(name.lower().replace("-", "_"), right, n=1)
    return f": did you mean {near[0]}?" if near else f": use one of {', '.join(right)}."


def _plain(value):
    """NumPy's numbers as Python's, which JSON can write; everything else as it is."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if is_count(value, -math.inf):
        return operator.index(value)
    return float(value) if is_real(value) else value


def _check(settings: Settings, name: str, good, what: str):
    value = getattr(settings, name)
    if value is not None and not good(value):
        raise ValueError(f"{name} must be {what}, not {shortened(value)}.")


def _check_choice(name: str, value: str, right: typing.Iterable[str]):
    if value not in right:
        raise ValueError(f"unknown {name} {shortened(repr(value))}{nearest(value, right)}")


def _check_type(name: str, value, annotation):
    allowed = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    # JSON writes 1.0 as 1, and a bool is an int in Python but not to a reader.
    numbers = (int, float) if float in allowed else ()
    if not isinstance(value, (*allowed, *numbers)) or (isinstance(value, bool) and bool not in allowed):
        names = " or ".join("nothing" if kind is types.NoneType else kind.__name__ for kind in allowed)
        raise ValueError(f"{name} must be of type {names}, not {shortened(repr(value))}.")
