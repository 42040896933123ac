"""The house: imports go down, never up and never round in a circle, and no file is two files."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# From the ground up. A module may import modules of lower floors and of its own room.
FLOORS = [
    ["scalars", "array_kinds", "notices", "foreign_text", "memory", "pixels"],
    ["files", "class_names"],
    ["backend"],
    ["label_inputs", "last_activation", "tables", "layers", "optimizers", "distribution"],
    ["losses"],
    ["networks", "metrics"],
    ["datasets", "export", "attacks"],
    ["models"],
    ["latents", "visualize"],
    ["callbacks"],
    ["cli"],
    ["__init__", "__main__"],
]
# The rooms of the models, in the same way.
MODEL_FLOORS = [
    ["training"],
    ["game", "adversary", "robust_classifier", "transfer"],
    ["autoencoder", "gan", "fair_classifier"],
    ["__init__"],
]
# Rooms whose modules are tested through what they make together: models, commands, exported files.
TESTED_TOGETHER = {"backend", "cli", "export", "models"}
NOT_TESTED = {"kgan.visualize.colors"}  # which holds colours alone


def modules() -> dict:
    """The modules of kgan by their names, with their paths."""
    found = {}
    for path in sorted((ROOT / "kgan").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: pathlib.Path, known) -> set[str]:
    """The modules of kgan that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kgan":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "kgan"}
    return found


GRAPH = {name: imports(path, modules()) for name, path in modules().items()}


def floor(room: str, floors: list) -> int:
    (number,) = [i for i, rooms in enumerate(floors) if room in rooms]
    return number


def room(module: str, below: int) -> str:
    """`kgan.models.gan.model` is in the room `models` below `kgan` and in `gan` below `kgan.models`."""
    parts = module.split(".")
    return parts[below] if len(parts) > below else "__init__"


def test_every_room_has_its_floor():
    rooms = {room(module, 1) for module in GRAPH}
    drawn = [name for names in FLOORS for name in names]
    assert sorted(rooms) == sorted(drawn)


@pytest.mark.parametrize(("below", "floors"), [("kgan", FLOORS), ("kgan.models", MODEL_FLOORS)])
def test_imports_go_down(below, floors):
    depth, upward = below.count(".") + 1, []
    for module, imported in GRAPH.items():
        for other in imported:
            if not (module.startswith(below + ".") and other.startswith(below + ".")):
                continue
            here, there = room(module, depth), room(other, depth)
            if here != there and floor(here, floors) <= floor(there, floors):
                upward.append(f"{module} imports {other}")
    assert not upward


def top_level_imports(path: pathlib.Path) -> set[str]:
    """The packages that a file imports when it is imported, outside all functions."""
    found, waiting = set(), list(ast.parse(path.read_text()).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module.split(".")[0])
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "kgan_command").rglob("*.py")), ids=lambda path: path.stem)
def test_the_command_needs_nothing_of_kgan_to_begin_with(path):
    assert top_level_imports(path).isdisjoint({"kgan", "tensorflow", "keras", "numpy", "matplotlib", "sklearn"})


def test_only_the_command_line_knows_of_the_command():
    """The version stands there as well, for `kgan --version`."""
    knows = {name for name, path in modules().items() if "kgan_command" in path.read_text()}
    assert {name for name in knows if not name.startswith("kgan.cli")} == {"kgan", "kgan.__main__"}


def test_no_imports_in_a_circle():
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done or module not in GRAPH:
            return
        path.append(module)
        for other in sorted(GRAPH[module]):
            visit(other)
        path.pop()
        done.add(module)

    for module in GRAPH:
        visit(module)


def test_no_file_needs_long_scrolling():
    long = {name: len(path.read_text().splitlines()) for name, path in modules().items()}
    assert not {name: lines for name, lines in long.items() if lines > 300}


def test_every_module_has_tests_of_its_own():
    missing = []
    for name, path in modules().items():
        file = ROOT / "tests" / path.relative_to(ROOT / "kgan").with_name(f"{path.stem}_test.py")
        own = path.stem.strip("_") == path.stem and room(name, 1) not in TESTED_TOGETHER and name not in NOT_TESTED
        if own and not file.exists():
            missing.append(name)
    assert missing == []


def test_the_graph_is_read_rightly(tmp_path):
    file = tmp_path / "file.py"
    file.write_text("import kgan.files\nfrom kgan import losses\ndef f():\n    from kgan.losses.penalties import R1\n")
    known = {"kgan.losses", "kgan.losses.penalties", "kgan.files"}
    assert imports(file, known) == {"kgan.files", "kgan.losses", "kgan.losses.penalties"}
