"""What decides about a run of `kgan train`."""

import dataclasses
import typing

from kgan_command.settings import rules
from kgan_command.settings.command_settings import CommandSettings, setting
from kgan_command.text import shortened

# The names that kgan knows, and the defaults of `kgan.GAN.for_images`: tests hold them equal.
LOSSES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")
PENALTIES = ("r1", "r2", "gradient_penalty", "dragan")
NORMALIZATIONS = ("batch", "layer", "group", "none")
DISCRIMINATOR_NORMALIZATIONS = (*NORMALIZATIONS, "spectral")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
AUTO = "auto"
_AUTO_PENALTIES = ("r1", "r2")


@dataclasses.dataclass(frozen=True)
class TrainSettings(CommandSettings):
    """The settings of `kgan train`. `None` and `"auto"` are filled in before training, see `kgan.cli.train.recipe`.

    Raises:
        ValueError: by the constructor, for a value that cannot be, in one sentence.
    """

    smaller: typing.ClassVar[str] = "use a smaller --batch-size, --width or --image-size"
    # A resumed run may go on for longer; everything else stays as it was.
    may_change: typing.ClassVar[tuple[str, ...]] = ("epochs", "minutes")

    data: str = setting(
        "mnist5k",
        "Data",
        "a name from `kgan datasets`, tfds:NAME, a folder of images, .npz or .npy",
        metavar="DATA",
        argument=True,
    )
    limit: int | None = setting(None, "Data", "use only so many images, taken evenly from all", rules.whole(1))
    image_size: str | None = setting(None, "Data", "SIDE or HEIGHTxWIDTH; by default as the images are")
    labels: bool | None = setting(None, "Data", "train with the classes; by default if the data has them")

    width: int = setting(
        32, "Networks", "channels next to the image; deeper layers have up to 8 times as many", rules.whole(1)
    )
    latent_dim: int = setting(100, "Networks", "how many random numbers make an image", rules.whole(1))
    generator_normalization: str = setting("batch", "Networks", ", ".join(NORMALIZATIONS), rules.one_of(NORMALIZATIONS))
    discriminator_normalization: str = setting(
        "none",
        "Networks",
        f"{', '.join(DISCRIMINATOR_NORMALIZATIONS)}; batch harms penalties",
        rules.one_of(DISCRIMINATOR_NORMALIZATIONS),
    )

    loss: str = setting("relativistic", "Game", ", ".join(LOSSES), rules.one_of(LOSSES))
    penalties: str = setting(
        "r1:auto,r2:auto",
        "Game",
        f"NAME:WEIGHT,... of {', '.join(PENALTIES)}; or none; auto: a weight for r1 and r2 that suits the images",
    )
    k: int = setting(1, "Game", "updates of the discriminator per update of the generator", rules.whole(1))
    batch_size: int = setting(64, "Game", "images per update", rules.whole(1))
    generator_lr: float = setting(1e-3, "Game", "learning rate of the generator", rules.POSITIVE)
    discriminator_lr: float = setting(1e-3, "Game", "learning rate of the discriminator", rules.POSITIVE)
    beta_1: float = setting(0.5, "Game", "Adam's momentum", rules.MOMENTUM)
    beta_2: float = setting(0.999, "Game", "Adam's memory of squared gradients", rules.MOMENTUM)
    ema: float = setting(
        0.99,
        "Game",
        "momentum of the generator's moving average, which makes the samples; 0: none",
        rules.MOMENTUM,
    )

    epochs: int | None = setting(50, "Length", "passes over the data", rules.whole(1))
    minutes: float | None = setting(
        None,
        "Length",
        "train so long instead, to the end of the epoch; with --epochs, whichever is over first",
        rules.POSITIVE,
    )
    steps_per_epoch: int | None = setting(None, "Length", "end epochs early, for large data", rules.whole(1))

    seed: int = setting(0, "Machine", "the same seed gives the same run", rules.SEED)
    precision: str = setting("auto", "Machine", ", ".join(PRECISIONS), rules.one_of(PRECISIONS))
    devices: str = setting(
        "auto", "Machine", "how many GPUs, or CPU devices without any; auto: every GPU", rules.DEVICES
    )

    def check(self):
        if self.epochs is None and self.minutes is None:
            raise ValueError("give --epochs or --minutes, so that training ends.")
        self.shape()
        self.penalty_weights()

    def shape(self) -> tuple[int, int] | None:
        """`image_size` as `(height, width)`."""
        return rules.image_shape("--image-size", self.image_size)

    def penalty_weights(self) -> dict[str, float | str]:
        """`penalties` as `{name: weight}`; a weight that depends on the image size is `"auto"`."""
        weights = {}
        for item in self.penalties.split(",") if self.penalties != "none" else ():
            name, _, weight = item.strip().partition(":")
            rules.Choice((*PENALTIES, "none")).check("--penalties", name)
            if name in weights:
                raise ValueError(f"--penalties names {name} twice: give it once, with the summed weight.")
            weights[name] = AUTO if weight.strip() == AUTO else _as_weight(weight)
            if weights[name] == AUTO and name not in _AUTO_PENALTIES:
                raise ValueError(
                    f"--penalties has no auto weight for {name}, only for {' and '.join(_AUTO_PENALTIES)}: give a "
                    f"number, such as {name}:10."
                )
            if weights[name] is None:
                raise ValueError(
                    "--penalties must be like r1:0.5,r2:0.5, with a weight from 0 up or auto, not "
                    f"{shortened(repr(item.strip()))}."
                )
        return weights

    def with_weights(self, auto_weight: float) -> "TrainSettings":
        """These settings with `auto_weight` wherever a weight of `penalties` is `"auto"`."""
        weights = self.penalty_weights()
        if AUTO not in weights.values():
            return self
        numbers = {name: auto_weight if weight == AUTO else weight for name, weight in weights.items()}
        return dataclasses.replace(self, penalties=",".join(f"{name}:{w!r}" for name, w in numbers.items()))

    @classmethod
    def with_consequences(cls, values):
        """A new length takes the place of the old one."""
        if "minutes" in values:
            return {"epochs": None, **values}
        return {"minutes": None, **values} if "epochs" in values else values

    def meaning(self, name):
        read = {"image_size": self.shape, "penalties": self.penalty_weights}.get(name)
        return read() if read else getattr(self, name)


def _as_weight(text: str) -> float | None:
    try:
        weight = float(text)
    except ValueError:
        return None
    return weight if 0 <= weight < float("inf") else None
