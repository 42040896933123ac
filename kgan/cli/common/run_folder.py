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
import typing
from collections.abc import Iterator

import keras

import kgan
from kgan import callbacks, files
from kgan.callbacks.history_file import read_history
from kgan.cli.common import checksums
from kgan.cli.common.data_facts import DataFacts
from kgan.export import check_target
from kgan_command.json_file import read_json
from kgan_command.settings.command_settings import CommandSettings


class RunFolder:
    """The files of a run; a command says which of them it makes.

    Args:
        path: the folder.
    """

    command: typing.ClassVar[str]
    settings: typing.ClassVar[type[CommandSettings]]
    facts: typing.ClassVar[type[DataFacts]] = DataFacts
    exported: typing.ClassVar[str]  # the name of the SavedModel that it makes

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self.config = self.path / "config.json"
        self.history = self.path / "history.csv"
        self.curves = self.path / "history.png"
        self.checkpoint = self.path / "checkpoint"
        self.model = self.path / "model.keras"
        self.export = self.path / self.exported

    @property
    def results(self) -> list[pathlib.Path]:
        """What a finished run leaves for use, with its checksums beside it."""
        return [self.model, self.export]

    @property
    def files(self) -> list[pathlib.Path]:
        """Where files go."""
        return [self.config, self.history, self.curves, self.model, self.path / checksums.NAME]

    @property
    def folders(self) -> list[pathlib.Path]:
        """Where folders go, beside the export."""
        return [self.checkpoint]

    @property
    def checkpoints(self) -> list[callbacks.ResumePoint]:
        """The checkpoints of the run, one after another in time."""
        return [callbacks.ResumePoint(self.checkpoint)]

    # One process at a time

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Keeps other processes from writing into a new run.

        Raises:
            ValueError: if another one is writing, or has written since the folder was made.
        """
        with files.alone_in(self.path):
            refuse_used(self.path)
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes from writing into the run, and clears what a killed one has left.

        Raises:
            ValueError: if another one is writing, or this is no folder of a run.
        """
        self._check_is_run()
        with files.alone_in(self.path):
            for folder in (self.path, *self.folders):
                files.clear_unfinished(folder)
            yield

    # Whether its parts fit each other

    def check(self) -> int:
        """Compares the parts of an interrupted or finished run with each other, and touches nothing.

        Returns:
            How many epochs are complete.

        Raises:
            ValueError: if a part is missing, damaged, or does not fit the others, or if something lies where a result
                has to go.
        """
        epochs = None
        for point in self.checkpoints:
            found = point.check()
            epochs = found if epochs is None else max(epochs, found or 0)
        history = read_history(self.history)
        if epochs is None:
            made = [path for path in self.made if path.exists()]
            if made:
                raise ValueError(f"{self.checkpoint} holds no checkpoint, but there is {made[0]}: it has been removed.")
        elif history:
            self._check_history(history, epochs)
        self.check_places()
        return epochs or 0

    @property
    def made(self) -> list[pathlib.Path]:
        """What is there only after a checkpoint was."""
        return [self.history, *self.results]

    def check_places(self) -> None:
        """Refuses a folder where a result is to be a file, or the other way round.

        Raises:
            ValueError: for the first such place.
        """
        for path in self.files:
            if path.is_dir():
                raise ValueError(f"{path} is a folder, but a file has to go there: move it away.")
        for path in self.folders:
            if path.exists() and not path.is_dir():
                raise ValueError(f"{path} is a file, but a folder has to go there: move it away.")
        check_target(self.export)

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

    # config.json

    def write_config(self, settings: CommandSettings, data: DataFacts) -> None:
        """Writes `config.json`: every effective setting, the data and the versions."""
        write_config(self.config, settings.to_dict(), dataclasses.asdict(data))

    def read_config(self) -> tuple[CommandSettings, DataFacts, dict[str, str]]:
        """What `write_config` wrote: settings, data and versions.

        Raises:
            ValueError: if this is no folder of a run.
        """
        self._check_is_run()
        config = read_json(self.config)
        settings = self.settings.from_file(self.config)
        data, versions = None, {}
        with contextlib.suppress(AttributeError, KeyError, TypeError):
            versions = {str(name): str(version) for name, version in config["versions"].items()}
            data = self.facts.from_dict(config["data"])
        if data is None:
            raise ValueError(
                f"{self.config} does not say what data and versions the run has: it was not written by kgan "
                f"{self.command}, or changed since."
            )
        return settings, data, versions


def write_config(path: pathlib.Path, settings: dict, data: dict) -> None:
    """Writes how something was made: the settings, the data and the versions."""
    config = {"settings": settings, "data": data, "versions": versions()}
    files.write_text(path, json.dumps(config, indent=2) + "\n")


def check_new(out: str | None, exported: str) -> None:
    """Refuses, before any work, the folder of a new run that could not be written.

    Args:
        out: the folder, or `None` for `runs/DATA-N`.
        exported: the name of the SavedModel that will be written into it.

    Raises:
        ValueError: if `out` holds something, or has no name that TensorFlow takes.
    """
    path = pathlib.Path("runs" if out is None else out).expanduser()
    check_target(path / exported)
    if out is not None:
        files.clear_unfinished(path)
        refuse_used(path)


def new_folder(data: str, out: str | None) -> pathlib.Path:
    """Makes the folder of a new run: `out`, or `runs/DATA-N` with the first free number."""
    if out is not None:
        path = pathlib.Path(out).expanduser()
        path.mkdir(parents=True, exist_ok=True)
        return path
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", pathlib.Path(data).stem if os.path.exists(data) else data).strip("-.")
    number = 1
    while True:
        path = pathlib.Path("runs") / f"{name or 'run'}-{number}"
        try:
            path.mkdir(parents=True)  # whoever makes it has it, however many runs start at once
            return path
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


def versions() -> dict[str, str]:
    """What a run depends on, by name."""
    return {
        "kgan": kgan.__version__,
        "keras": keras.__version__,
        "tensorflow": importlib.metadata.version("tensorflow"),
        "numpy": importlib.metadata.version("numpy"),
        "python": platform.python_version(),
    }
