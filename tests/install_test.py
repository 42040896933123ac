"""What `pip install -e .` of README leaves behind."""

import subprocess
import sys
from pathlib import Path


def test_kgan_is_found_from_the_folder_that_holds_the_clone(tmp_path):
    (tmp_path / "kgan").mkdir()  # as the folder of the clone is named, which holds no module itself
    program = "import importlib.util; print(importlib.util.find_spec('kgan').origin)"
    found = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).name == "__init__.py"
