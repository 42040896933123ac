"""Going on with a run: only as it was."""

import dataclasses

from kgan.cli.common import run_folder
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.common.run_folder import RunFolder
from kgan_command.settings.command_settings import CommandSettings


@dataclasses.dataclass(frozen=True)
class Saved:
    """What a run was, and what may be different now.

    Attributes:
        folder: of the run.
        settings: of the run, with the new length if one was given.
        data: what the run knows of its data.
        epochs: how many are complete.
        notes: sentences about what is not as it was.
    """

    folder: RunFolder
    settings: CommandSettings
    data: DataFacts
    epochs: int
    notes: list[str]


def read(folder: RunFolder, given: dict, complete=lambda settings, data: settings) -> Saved:
    """Reads a run that is to go on, and refuses any change.

    Args:
        folder: of the run.
        given: the settings that were given on the command line; `None` and `"auto"` ask for nothing.
        complete: fills in, with what is known of the data, what a changed setting leaves to choose.

    Raises:
        ValueError: if parts of the run do not fit each other, or a setting does not agree with it.
    """
    saved, data, versions = folder.read_config()
    epochs = folder.check()
    may = saved.may_change
    length = {name: given[name] for name in may if name in given}
    others = {name: value for name, value in given.items() if name not in may and value not in (None, "auto")}
    changed = complete(saved.changed(**others), data)
    changes = changed.differences(saved)
    if changes:
        was = ", ".join(f"{name} is {getattr(saved, name)}, not {getattr(changed, name)}" for name in changes)
        raise ValueError(
            f"{folder.path} cannot go on under changed settings ({was}): only {' and '.join(may)} may change; leave "
            "the others out, or start a new run with --config."
        )
    notes = []
    now = run_folder.versions()
    differences = [f"{name} {versions.get(name)}, now {now[name]}" for name in now if versions.get(name) != now[name]]
    if differences:
        notes.append(
            f"The run began with {'; '.join(differences)}: it may go on slightly differently than it would have."
        )
    if epochs and not folder.history.exists():
        notes.append(
            f"{folder.history} is missing: the history begins anew with epoch {epochs + 1}, and so do the minutes."
        )
    return Saved(folder, saved.changed(**length), data, epochs, notes)


def check_data(saved: Saved, now: DataFacts) -> None:
    """Refuses data that are not those of the run.

    Raises:
        ValueError: if so.
    """
    if now.fingerprint != saved.data.fingerprint:
        raise ValueError(
            f"{saved.folder.path} cannot go on, because the data {now.name} have changed since it began: start a new "
            "run."
        )
