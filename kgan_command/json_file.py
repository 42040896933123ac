"""JSON files that people may have edited."""

import json
import os
import pathlib

from kgan_command.text import first_line


def read_json(path: str | os.PathLike):
    """The content of a JSON file.

    Raises:
        ValueError: if it cannot be read.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {first_line(error)}.") from None
    except RecursionError:
        raise ValueError(f"{path} is not JSON that can be read: it is nested too deeply.") from None
