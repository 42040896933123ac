"""What an export may replace: an earlier export of kgan, and nothing else."""

import os
import re
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from kgan.foreign_text import printable

# The attributes of an export that hold the weights, by which one is known.
GENERATOR, CLASSIFIER = "generator_variables", "classifier_variables"
# All that TensorFlow writes for one.
_WRITTEN = re.compile(r"saved_model\.pb|fingerprint\.pb|assets|variables|variables/variables\.(index|data-[-\w]+)")


def check_target(path: str | os.PathLike) -> None:
    """Refuses a place where an export cannot go, without writing anything.

    Raises:
        ValueError: if there is something else than an earlier export of kgan, or TensorFlow cannot write the name.
    """
    path = Path(path).resolve()
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        shown = os.fspath(path).encode("utf-8", "backslashreplace").decode()
        raise ValueError(f"{shown} is no name in UTF-8, as TensorFlow takes them: choose another one.") from None
    if path.exists() and not _is_export(path):
        other = next((name for name in _names(path) if not _WRITTEN.fullmatch(name)), None)
        such = f" ({printable(other)})" if other is not None else ""
        raise ValueError(
            f"{path} holds something else than an export of kgan{such}, and would be replaced: choose another folder "
            "for the export, or move that away."
        )


def _is_export(path: Path) -> bool:
    """Whether a folder holds what `kgan.export` writes, and nothing else."""
    names = _names(path)
    if not names or any(not _WRITTEN.fullmatch(name) for name in names):
        return False
    try:
        saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
        children = saved.meta_graphs[0].object_graph_def.nodes[0].children
    except (OSError, DecodeError, IndexError):
        return False
    return any(child.local_name in (GENERATOR, CLASSIFIER) for child in children)


def _names(folder: Path) -> list[str]:
    """What lies below a folder, but for what file managers leave there; nothing if it is none."""
    found = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*")) if folder.is_dir() else []
    return [name for name in found if name.rpartition("/")[2] not in (".DS_Store", "Thumbs.db", "desktop.ini")]
