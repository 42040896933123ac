"""The folder of a run: what lies where, and what its `config.json` says."""

import contextlib
import dataclasses
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import re
from collections.abc import Iterator

import keras

import kgan
from kgan import callbacks, files
from kgan.callbacks.history_file import read_history
from kgan.cli import checksums
from kgan.cli import settings as run_settings
from kgan.cli.recipe import DataFacts
from kgan.cli.settings import Settings
from kgan.export import check_target
from kgan.foreign_text import first_line
from kgan.scalars import is_count


class RunFolder:
    """The files of a run.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self.config = self.path / "config.json"
        self.history = self.path / "history.csv"
        self.curves = self.path / "history.png"
        self.samples = self.path / "samples"
        self.last_samples = self.path / "samples.png"
        self.checkpoint = self.path / "checkpoint"
        self.model = self.path / "model.keras"
        self.generator = self.path / "generator"

    @property
    def results(self) -> list[pathlib.Path]:
        """What a finished run leaves for use, with its checksums beside it."""
        return [self.model, self.generator]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes from writing into the run, and clears what a killed one has left.

        Raises:
            ValueError: if another one is writing, or this is no folder of a run.
        """
        self._check_is_run()
        with files.alone_in(self.path):
            for folder in (self.path, self.samples, self.checkpoint):
                files.clear_unfinished(folder)
            yield

    def check(self) -> int:
        """Compares the parts of an interrupted or finished run with each other, and touches nothing.

        Returns:
            How many epochs are complete.

        Raises:
            ValueError: if a part is missing, damaged, or does not fit the others, or if something lies where a result
                has to go.
        """
        epochs = callbacks.ResumePoint(self.checkpoint).check()
        history = read_history(self.history)
        if epochs is None:
            made = [path for path in (self.history, *self.results, *self.samples.glob("*.png")) if path.exists()]
            if made:
                raise ValueError(f"{self.checkpoint} holds no checkpoint, but there is {made[0]}: it has been removed.")
        elif history:
            self._check_history(history, epochs)
        self.check_places()
        return epochs or 0

    def check_places(self) -> None:
        """Refuses a folder where a result is to be a file, or the other way round.

        Raises:
            ValueError: for the first such place.
        """
        for path in (self.config, self.history, self.curves, self.last_samples, self.model, self.path / checksums.NAME):
            if path.is_dir():
                raise ValueError(f"{path} is a folder, but a file has to go there: move it away.")
        for path in (self.samples, self.checkpoint):
            if path.exists() and not path.is_dir():
                raise ValueError(f"{path} is a file, but a folder has to go there: move it away.")
        check_target(self.generator)

    def _check_history(self, history, epochs):
        last = int(history["epoch"][-1])
        remedy = "put it back from a copy, or move it away and the history begins anew"
        if last < epochs:
            raise ValueError(f"{self.history} ends with epoch {last}, but the checkpoint has {epochs}: {remedy}.")
        seconds = history.get("seconds", [math.nan])
        if not all(map(math.isfinite, seconds)):
            raise ValueError(f"{self.history} does not tell the seconds of each epoch: {remedy}.")

    def _check_is_run(self):
        if not self.config.is_file():
            what = "is not the folder of a run: it has no config.json" if self.path.exists() else "does not exist"
            raise ValueError(f"{self.path} {what}.")

    def write_config(self, settings: Settings, data: DataFacts) -> None:
        """Writes `config.json`: every effective setting, the data and the versions."""
        config = {"settings": settings.to_dict(), "data": dataclasses.asdict(data), "versions": versions()}
        files.write_text(self.config, json.dumps(config, indent=2) + "\n")

    def read_config(self) -> tuple[Settings, DataFacts, dict[str, str]]:
        """What `write_config` wrote: settings, data and versions.

        Raises:
            ValueError: if this is no folder of a run.
        """
        self._check_is_run()
        config = read_json(self.config)
        settings = read_settings(self.config)
        try:
            data = DataFacts(**{**config["data"], "image_shape": tuple(config["data"]["image_shape"])})
            versions = {str(name): str(version) for name, version in config["versions"].items()}
        except (AttributeError, KeyError, TypeError):
            data = None
        if data is None or not _are_facts(data):
            raise ValueError(
                f"{self.config} does not say what data and versions the run has: it was not written by kgan train, or "
                "changed since."
            )
        return settings, data, versions


def new_folder(data: str, out: str | None) -> RunFolder:
    """Makes the folder of a new run: `out`, or `runs/DATA-N` with the first free number.

    Raises:
        ValueError: if `out` holds something.
    """
    if out is not None:
        path = pathlib.Path(out).expanduser()
        check_target(path / "generator")  # before hours of training, after which it is written
        files.clear_unfinished(path)
        refuse_used(path)
        path.mkdir(parents=True, exist_ok=True)
        return RunFolder(path)
    check_target(pathlib.Path("runs", "generator"))
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", pathlib.Path(data).stem if os.path.exists(data) else data).strip("-.")
    number = 1
    while True:
        path = pathlib.Path("runs") / f"{name or 'run'}-{number}"
        try:
            path.mkdir(parents=True)  # whoever makes it has it, however many runs start at once
            return RunFolder(path)
        except FileExistsError:
            number += 1


def refuse_used(path: pathlib.Path) -> None:
    """Refuses a folder for a new run that holds something.

    Raises:
        ValueError: if so.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        holds_run = (path / "config.json").exists()
        what = "holds a run: --resume goes on with it, another --out" if holds_run else "is not empty: another --out"
        raise ValueError(f"{path} {what} starts a new one.")


def read_settings(path: str | os.PathLike) -> Settings:
    """The settings in a `config.json`, or in a JSON file that holds nothing but some of them.

    Raises:
        ValueError: if the file cannot be read, or holds something that is no setting.
    """
    content = read_json(path)
    return run_settings.from_dict(content.get("settings", content) if isinstance(content, dict) else content, str(path))


def read_json(path: str | os.PathLike):
    """The content of a JSON file."""
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {first_line(error)}.") from None
    except RecursionError:
        raise ValueError(f"{path} is not JSON that can be read: it is nested too deeply.") from None


def _are_facts(data: DataFacts) -> bool:
    """Whether these are facts about images, of the right types and possible sizes."""
    shape, names = data.image_shape, data.class_names
    names_fit = names is None or (
        isinstance(names, list) and len(names) == data.num_classes and all(isinstance(name, str) for name in names)
    )
    return (
        all(isinstance(text, str) for text in (data.name, data.fingerprint))
        and all(is_count(number) for number in (data.size, *shape))
        and (len(shape) == 3 and shape[2] <= 4)
        and (data.num_classes is None or is_count(data.num_classes))
        and names_fit
    )


def versions() -> dict[str, str]:
    """What a run depends on, by name."""
    return {
        "kgan": kgan.__version__,
        "keras": keras.__version__,
        "tensorflow": importlib.metadata.version("tensorflow"),
        "numpy": importlib.metadata.version("numpy"),
        "python": platform.python_version(),
    }
