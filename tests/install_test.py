"""What `pip install -e .` of README leaves behind, and which versions it may take."""

import configparser
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def test_kgan_is_found_from_the_folder_that_holds_the_clone(tmp_path):
    (tmp_path / "kgan").mkdir()  # as the folder of the clone is named, which holds no module itself
    program = "import importlib.util; print(importlib.util.find_spec('kgan').origin)"
    found = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).name == "__init__.py"


def requirements(lines: str) -> dict:
    """Names of packages to their bounds, `{">=": version, ...}`."""
    found = (Requirement(line.split("#")[0]) for line in lines.splitlines() if line.split("#")[0].strip())
    return {one.name: {bound.operator: Version(bound.version) for bound in one.specifier} for one in found}


def test_the_bounds_are_versions_that_ran():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    needed = requirements(setup["options"]["install_requires"])
    for_tests = requirements(setup["options.extras_require"]["core-test"])
    oldest = requirements((ROOT / "constraints/oldest.txt").read_text())
    ran = {name: bounds["=="] for name, bounds in oldest.items() if "==" in bounds}
    assert {name: bounds[">="] for name, bounds in {**for_tests, **needed}.items() if name in ran} == ran
    assert needed.keys() <= ran.keys()
    assert {name for name, bounds in needed.items() if "<" in bounds} == {"keras", "tensorflow"}


def test_the_core_tests_exist():
    named = (ROOT / "constraints/core_tests.txt").read_text().split()
    assert named and all((ROOT / name).exists() for name in named)
