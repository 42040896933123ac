"""What decides about a run of `kgan transfer`, and what it may be."""

import dataclasses
import os

from kgan.cli.settings import Settings
from kgan.scalars import is_count, is_real

_WITH_FC1 = ("vgg16", "vgg19")


@dataclasses.dataclass(frozen=True)
class TransferSettings:
    """The settings of `kgan transfer`, whose flags have the defaults and say what each of them means.

    Raises:
        ValueError: by the constructor, for a value that cannot be, in one sentence.
    """

    folder: str
    limit: int | None
    held_out: float
    base: str
    weights: str
    cut: str | None
    image_size: str
    head: str
    epochs: int
    patience: int
    batch_size: int | None
    lr: float | None
    fine_tune: str | None
    fine_tune_epochs: int
    seed: int

    def __post_init__(self):
        # Settings that training a GAN has too are checked there.
        Settings(
            limit=self.limit,
            image_size=self.image_size,
            epochs=self.epochs,
            batch_size=32 if self.batch_size is None else self.batch_size,
            seed=self.seed,
        )
        if not (is_real(self.held_out) and 0 < self.held_out < 1):
            raise ValueError(f"held_out must be a share between 0 and 1, such as 0.2, not {self.held_out}.")
        if self.lr is not None and not (is_real(self.lr) and self.lr > 0):
            raise ValueError(f"lr must be a number above 0, not {self.lr}.")
        for name, least in {"fine_tune_epochs": 1, "patience": 0}.items():
            if not is_count(getattr(self, name), least):
                given = getattr(self, name)
                raise ValueError(f"{name} must be a whole number of at least {least}, not {given}.")
        self.head_units()

    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of what the base sees."""
        return (*Settings(image_size=self.image_size).shape(), 3)

    def epochs_in_words(self) -> str:
        """For how long it trains."""
        if not self.patience:
            return f"{self.epochs} epochs"
        return f"up to {self.epochs} epochs, until nothing improves on held-out images for {self.patience}"

    def head_units(self) -> tuple[int, ...]:
        """`head` as numbers of units."""
        parts = [part.strip() for part in self.head.split(",")] if self.head.strip() else []
        if not all(part.isdecimal() and int(part) >= 1 for part in parts):
            raise ValueError(
                f"head must be numbers of units with commas between them, such as 256,128, not {self.head!r}."
            )
        return tuple(map(int, parts))

    def cut_layer(self) -> str | None:
        """The layer that `kgan.TransferClassifier` cuts at."""
        if self.cut is None:
            return "fc1" if self.base.lower() in _WITH_FC1 else None
        return None if self.cut.lower() == "none" else self.cut

    def weights_argument(self) -> str | None:
        """`weights` as `kgan.TransferClassifier` takes them."""
        if self.weights.lower() == "none":
            return None
        return "imagenet" if self.weights.lower() == "imagenet" else os.path.expanduser(self.weights)

    def to_dict(self) -> dict:
        """All settings by name, ready for JSON; those that were left to choose are filled in."""
        weights = self.weights_argument()
        chosen = {
            "folder": os.path.abspath(os.path.expanduser(self.folder)),
            "weights": os.path.abspath(weights) if weights not in (None, "imagenet") else weights or "none",
            "cut": self.cut_layer() or "none",
        }
        return dataclasses.asdict(self) | chosen
