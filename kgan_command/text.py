"""`kgan.foreign_text`, loaded by its path: to import anything by the name of the package takes TensorFlow's seconds."""

import importlib.util
import pathlib


def _load():
    (package,) = importlib.util.find_spec("kgan").submodule_search_locations
    spec = importlib.util.spec_from_file_location(f"{__name__}.foreign_text", pathlib.Path(package, "foreign_text.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_module = _load()
printable, shortened, first_line = _module.printable, _module.shortened, _module.first_line
