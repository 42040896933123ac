"""What decides about a run of `kgan transfer`."""

import dataclasses
import os
import typing

from kgan_command.settings import rules
from kgan_command.settings.command_settings import CommandSettings, setting
from kgan_command.text import shortened

# Of the learning rate: weights that have learned from a million images are to be changed a little only.
FINE_TUNING_STEPS = 0.01
_WITH_FC1 = ("vgg16", "vgg19")


@dataclasses.dataclass(frozen=True)
class TransferSettings(CommandSettings):
    """The settings of `kgan transfer`. `None` is filled in before training, see `kgan.cli.transfer`.

    Raises:
        ValueError: by the constructor, for a value that cannot be, in one sentence.
    """

    # A resumed run may go on for longer; everything else stays as it was.
    may_change: typing.ClassVar[tuple[str, ...]] = ("epochs", "fine_tune_epochs")

    smaller: typing.ClassVar[str] = "use a smaller --batch-size or --image-size"
    library_names: typing.ClassVar[dict[str, str]] = {"input_shape": "image_size"}

    folder: str | None = setting(
        None, "Data", "a folder with a folder of images for each class", metavar="FOLDER", argument=True
    )
    limit: int | None = setting(None, "Data", "use only so many images, taken evenly from all", rules.whole(1))
    held_out: float = setting(0.2, "Data", "share of each class that is kept for testing", rules.SHARE)

    base: str = setting("vgg16", "Network", "a network of keras.applications")
    weights: str = setting("imagenet", "Network", "imagenet (Keras downloads them once), none, or a .h5 file")
    cut: str | None = setting(
        None,
        "Network",
        "layer that gives the features, or none for all before the classification layers; by default fc1 of VGG, none "
        "of others",
    )
    image_size: str = setting("224", "Network", "SIDE or HEIGHTxWIDTH of what the base sees")
    head: str = setting("", "Network", "units of new layers before the last one, such as 256,128; by default none")

    epochs: int = setting(20, "Training", "passes over the features, at most", rules.whole(1))
    patience: int = setting(
        5,
        "Training",
        "stop after so many epochs in which nothing improves on the held-out images, and keep the best epoch; 0: train "
        "for all epochs and keep the last",
        rules.whole(0),
    )
    batch_size: int | None = setting(
        None, "Training", "images per update; by default 32, 16 or 8, by their number", rules.whole(1)
    )
    lr: float | None = setting(
        None,
        "Training",
        "learning rate; by default 0.01, less for more than 128 features",
        rules.POSITIVE,
    )
    fine_tune: str | None = setting(
        None,
        "Training",
        "then train these layers of the base too: a name or its beginning, such as block5",
        metavar="LAYERS",
    )
    fine_tune_epochs: int = setting(5, "Training", "passes over the images for that", rules.whole(1))
    fine_tune_lr: float | None = setting(
        None,
        "Training",
        f"learning rate of that; by default lr * {FINE_TUNING_STEPS:g} if lr is given, else 1e-5",
        rules.POSITIVE,
    )
    seed: int = setting(0, "Run", "decides what is held out and how training begins", rules.SEED)
    devices: str = setting("auto", "Run", "how many GPUs, or CPU devices without any; auto: every GPU", rules.DEVICES)

    def check(self):
        if self.folder is None:
            raise ValueError("Missing argument 'FOLDER'.")
        self.image_shape()
        self.head_units()

    def check_files(self) -> None:
        """Refuses a file of weights that is not there."""
        weights = self.weights_argument()
        if weights not in (None, "imagenet") and not os.path.isfile(weights):
            raise ValueError(
                "--weights must be imagenet, none or a .weights.h5 or .h5 file, but there is no file "
                f"{shortened(repr(self.weights))}."
            )

    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of what the base sees."""
        return (*rules.image_shape("--image-size", self.image_size), 3)

    def epochs_in_words(self) -> str:
        """For how long it trains."""
        if not self.patience:
            return f"{self.epochs} epochs"
        return f"up to {self.epochs} epochs, until nothing improves on held-out images for {self.patience}"

    def head_units(self) -> tuple[int, ...]:
        """`head` as numbers of units."""
        parts = [part.strip() for part in self.head.split(",")] if self.head.strip() else []
        if not all(part.isdecimal() and len(part) <= 9 and int(part) >= 1 for part in parts):
            raise ValueError(
                "--head must be numbers of units with commas between them, such as 256,128, not "
                f"{shortened(repr(self.head))}."
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

    def meaning(self, name):
        read = {"image_size": self.image_shape, "head": self.head_units}.get(name)
        return read() if read else self.to_dict()[name]

    def to_dict(self):
        """As in the base class; those that were left to choose are filled in, as far as the flags tell."""
        weights = self.weights_argument()
        chosen = {
            "folder": os.path.abspath(os.path.expanduser(self.folder)),
            "weights": os.path.abspath(weights) if weights not in (None, "imagenet") else weights or "none",
            "cut": self.cut_layer() or "none",
        }
        return dataclasses.asdict(self) | chosen
