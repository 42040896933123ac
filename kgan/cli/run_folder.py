"""The folder of a run: what lies where, and what its `config.json` says."""

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
import re

import keras

import kgan
from kgan.callbacks.files import write_text
from kgan.cli import settings as run_settings
from kgan.cli.recipe import DataFacts
from kgan.cli.settings import Settings


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

    def write_config(self, settings: Settings, data: DataFacts) -> None:
        """Writes `config.json`: every effective setting, the data and the versions."""
        config = {"settings": settings.to_dict(), "data": dataclasses.asdict(data), "versions": versions()}
        write_text(self.config, json.dumps(config, indent=2) + "\n")

    def read_config(self) -> tuple[Settings, DataFacts, dict[str, str]]:
        """What `write_config` wrote: settings, data and versions.

        Raises:
            ValueError: if this is no folder of a run.
        """
        if not self.config.is_file():
            raise ValueError(f"{self.path} is not the folder of a run: it has no config.json.")
        config = read_json(self.config)
        settings = read_settings(self.config)
        try:
            data = DataFacts(**{**config["data"], "image_shape": tuple(config["data"]["image_shape"])})
            return settings, data, dict(config["versions"])
        except (KeyError, TypeError):
            raise ValueError(
                f"{self.config} does not say what data the run has: it was not written by kgan train."
            ) from None


def new_folder(data: str, out: str | None) -> RunFolder:
    """Makes the folder of a new run: `out`, or `runs/DATA-N` with the first free number.

    Raises:
        ValueError: if `out` holds something.
    """
    if out is not None:
        path = pathlib.Path(out).expanduser()
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = (
                "holds a run: --resume goes on with it, another --out"
                if (path / "config.json").exists()
                else ("is not empty: another --out")
            )
            raise ValueError(f"{path} {what} starts a new one.")
        path.mkdir(parents=True, exist_ok=True)
        return RunFolder(path)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", pathlib.Path(data).stem if os.path.exists(data) else data).strip("-.")
    number = 1
    while True:
        path = pathlib.Path("runs") / f"{name or 'run'}-{number}"
        try:
            path.mkdir(parents=True)  # whoever makes it has it, however many runs start at once
            return RunFolder(path)
        except FileExistsError:
            number += 1


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
        raise ValueError(f"{path} is not JSON: {error}.") from None


def versions() -> dict[str, str]:
    """What a run depends on, by name."""
    return {
        "kgan": kgan.__version__,
        "keras": keras.__version__,
        "tensorflow": importlib.metadata.version("tensorflow"),
        "numpy": importlib.metadata.version("numpy"),
        "python": platform.python_version(),
    }
