"""What a run remembers of its data."""

import dataclasses
import typing

from kgan import datasets
from kgan.foreign_text import printable
from kgan.scalars import is_count


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """Enough to build the networks again, and to know the data again."""

    name: str
    fingerprint: str
    size: int
    image_shape: tuple[int, int, int]
    num_classes: int | None
    class_names: list[str] | None = None  # in the order of the class ids

    @classmethod
    def of(cls, source: datasets.Source, **others) -> typing.Self:
        """What to remember of `source`."""
        shape, names = tuple(source.image_shape), source.class_names
        names = None if names is None else [printable(name) for name in names]
        return cls(source.name, source.fingerprint(), source.size, shape, source.num_classes, names, **others)

    @classmethod
    def from_dict(cls, values) -> typing.Self | None:
        """From what JSON holds; `None` if these are no facts about images, of the right types and possible sizes."""
        try:
            facts = cls(**{**values, "image_shape": tuple(values["image_shape"])})
        except (KeyError, TypeError):
            return None
        return facts if facts.possible else None

    @property
    def possible(self) -> bool:
        """Whether all of them have the right types and possible sizes."""
        shape, names = self.image_shape, self.class_names
        names_fit = names is None or (
            isinstance(names, list) and len(names) == self.num_classes and all(isinstance(name, str) for name in names)
        )
        return (
            all(isinstance(text, str) for text in (self.name, self.fingerprint))
            and all(is_count(number) for number in (self.size, *shape))
            and (len(shape) == 3 and shape[2] <= 4)
            and (self.num_classes is None or is_count(self.num_classes))
            and names_fit
        )
