import os
import pathlib
import subprocess
import sys

import pytest

from kgan_command import quiet

PROGRAM = """
import logging, os, runpy, sys
quiet = runpy.run_path(sys.argv[1])["native_messages_dropped"]
with quiet():
    os.write(2, b"native\\n")
    print("python", file=sys.stderr)
    logging.basicConfig(format="%(message)s")
os.write(2, b"native later\\n")
print("python later", file=sys.stderr)
logging.warning("a handler made within")
with quiet():
    sys.exit("a reason")
"""


def test_native_messages_are_dropped_and_those_of_python_are_not():
    command = [sys.executable, "-c", PROGRAM, str(pathlib.Path(quiet.__file__))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == "python\nnative later\npython later\na handler made within\na reason\n"


def test_an_exception_passes_through_and_the_stream_is_put_back(capfd):
    stream = sys.stderr
    with pytest.raises(KeyError), quiet.native_messages_dropped():
        os.write(2, b"native\n")
        raise KeyError
    assert sys.stderr is stream
    os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"
