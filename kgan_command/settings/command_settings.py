"""What the settings of all commands have in common."""

import dataclasses
import functools
import re
import types
import typing

from kgan_command.json_file import read_json
from kgan_command.settings.rules import nearest
from kgan_command.text import shortened

# How an error of the library writes values, and how the command line does.
_PYTHON_VALUES = {"path": "FILE", "None": "none"}


def setting(default, group: str | None, description: str, rules=(), *, metavar=None, argument=False):
    """A field of `CommandSettings`.

    Args:
        default: `dataclasses.MISSING` if the user has to say.
        group: under which heading the help shows it.
        description: for the help.
        rules: what its value may be, beside `None`, see `kgan_command.settings.rules`.
        metavar: what the help shows for the value.
        argument: whether it is given without a flag; `metavar` is its name then.
    """
    metadata = {"group": group, "description": description, "rules": rules, "metavar": metavar, "argument": argument}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class CommandSettings:
    """What decides about the work of a command.

    Raises:
        ValueError: by the constructor, for a value that cannot be, in one sentence, which speaks of flags.
    """

    # What to say of a lack of memory, and of Ctrl-C.
    smaller: typing.ClassVar[str] = "use smaller images"
    stopped: typing.ClassVar[str] = "Stopped."
    # Arguments of the library that have another name here: what it says of them is said of the flags.
    library_names: typing.ClassVar[dict[str, str]] = {}

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = _plain(getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            _check_type(self.flag(field.name), value, self.types()[field.name])
            for rule in field.metadata["rules"] if value is not None else ():
                rule.check(self.flag(field.name), value)
        self.check()

    def check(self) -> None:
        """Refuses values that do not go together."""

    @classmethod
    @functools.cache
    def types(cls) -> dict:
        """The type of each setting, by its name."""
        hints = typing.get_type_hints(cls)
        return {field.name: hints[field.name] for field in dataclasses.fields(cls)}

    @classmethod
    def flag(cls, name: str) -> str:
        """What the user types for a setting: its flag, or in the place of an argument its name in capitals."""
        field = cls.__dataclass_fields__[name]
        return field.metadata["metavar"] if field.metadata["argument"] else "--" + name.replace("_", "-")

    @classmethod
    def from_dict(cls, values, where: str) -> typing.Self:
        """Settings from what JSON holds; those left out have their defaults.

        Args:
            values: dict of names to values.
            where: what to call it in an error.

        Raises:
            ValueError: for an unknown name, with the nearest right one, and as the constructor, with names for flags.
        """
        if not isinstance(values, dict):
            raise ValueError(f"{where} must hold settings by name, not {type(values).__name__}.")
        for name in values:
            if name not in cls.types():
                raise ValueError(
                    f"{where} holds the unknown setting {shortened(repr(name))}{nearest(name, cls.types())}"
                )
        try:
            return cls(**cls.with_consequences(values))
        except ValueError as error:
            names = {cls.flag(name): name for name in cls.types()}
            text = re.sub(r"--[a-z0-9-]+", lambda match: names.get(match[0], match[0]), str(error))
            raise ValueError(f"{where}: {text}") from None

    @classmethod
    def from_file(cls, path: str) -> typing.Self:
        """The settings in a `config.json`, or in a JSON file that holds nothing but some of them.

        Raises:
            ValueError: if the file cannot be read, or holds something that is no setting.
        """
        content = read_json(path)
        return cls.from_dict(content.get("settings", content) if isinstance(content, dict) else content, str(path))

    @classmethod
    def given(cls, flags: dict, config: str | None = None) -> typing.Self:
        """The settings of a file, if there is one, with those that were given by flags in their places."""
        return cls(**cls.with_consequences(flags)) if config is None else cls.from_file(config).changed(**flags)

    @classmethod
    def with_consequences(cls, values: dict) -> dict:
        """New values of settings, with what becomes of others that were not named."""
        return values

    def to_dict(self) -> dict:
        """All settings by name, ready for JSON."""
        return dataclasses.asdict(self)

    def changed(self, **values) -> typing.Self:
        """These settings with some others."""
        return dataclasses.replace(self, **self.with_consequences(values))

    def meaning(self, name: str):
        """What two spellings of the same have in common."""
        return getattr(self, name)

    def differences(self, other: "CommandSettings") -> list[str]:
        """The names of the settings that are not the same in `other`, however they are written."""
        return [name for name in self.types() if self.meaning(name) != other.meaning(name)]

    @classmethod
    def in_flags(cls, sentence: str) -> str:
        """What the library says of its arguments, said of flags: of `name=value`, of `batch_size`, of a first word."""
        names = cls.library_names | {name: name for name in cls.types()}
        for name, own in names.items():
            flag = cls.flag(own)
            if flag.startswith("--"):
                sentence = re.sub(
                    rf"(?<![\w/.-]){name}=(['\"]?)([\w.-]*\w)\1",
                    lambda match, flag=flag: f"{flag} {_PYTHON_VALUES.get(match[2], match[2])}",
                    sentence,
                )
                sentence = re.sub(rf"^{name}(?= )", flag, sentence)
                if "_" in name:
                    sentence = re.sub(rf"(?<![\w/.'\"-]){name}(?![\w/'\"-]|\.\w)", flag, sentence)
        return sentence


def _plain(value):
    """NumPy's numbers as Python's, which JSON can write; everything else as it is."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    return value


def _check_type(flag: str, value, annotation):
    allowed = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    # JSON writes 1.0 as 1, and a bool is an int in Python but not to a reader.
    numbers = (int, float) if float in allowed else ()
    if not isinstance(value, (*allowed, *numbers)) or (isinstance(value, bool) and bool not in allowed):
        names = " or ".join("nothing" if kind is types.NoneType else kind.__name__ for kind in allowed)
        raise ValueError(f"{flag} must be of type {names}, not {shortened(repr(value))}.")
