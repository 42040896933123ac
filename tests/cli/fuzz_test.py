"""Every file of a run is damaged in every way, from fixed seeds: commands answer with a sentence, or are right."""

import json
import random
import shutil

import pytest

VALUES = (None, True, -7, 0, 10**30, 0.5, float("inf"), "", "two", "\x1b[2J\nkgan: fine", [], {}, ["a"], {"a": 1})


def contents(folder):
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def damage(random, path):
    """Changes a file; says how."""
    content = bytearray(path.read_bytes())
    kinds = ["flip", "cut", "empty", "grow", "remove", "folder"] + ["value"] * 6 * (path.suffix == ".json")
    kind = random.choice(kinds)
    if kind == "flip":
        for _ in range(random.choice((1, 16))):
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    elif kind == "cut":
        del content[random.randrange(len(content)) :]
    elif kind == "empty":
        content.clear()
    elif kind == "grow":
        content[random.randrange(len(content)) :] += random.randbytes(64)
    elif kind == "value":
        content = change_value(random, json.loads(content)).encode()
    if kind in ("remove", "folder"):
        path.unlink()
        if kind == "folder":
            path.mkdir()
    else:
        path.write_bytes(content)
    return kind


def change_value(random, tree):
    """JSON in which one value, at any depth, is another one or gone."""
    places = []

    def collect(node):
        if isinstance(node, dict | list):
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                places.append((node, key))
                collect(node[key])

    collect(tree)
    node, key = random.choice(places)
    if random.random() < 0.2:
        del node[key]
    else:
        node[key] = random.choice(VALUES)
    return json.dumps(tree)


def check(kgan, run, copy, seed):
    """Damages one file of a copy of the run; every command on it answers in one sentence or does what it should."""
    source = random.Random(seed)
    shutil.copytree(run, copy)
    path = source.choice([path for path in sorted(copy.rglob("*")) if path.is_file()])
    what = f"seed {seed}: {damage(source, path)} {path.relative_to(copy)}"
    before = contents(copy)
    commands = ("train --resume {} --dry-run", "sample {0} --n 4 --out {0}.png", "export {0} --out {0}-export")
    for command in [command for command in commands if command.split()[0] in concerned(path.relative_to(copy))]:
        try:
            kgan(command.format(copy))
        except Exception as error:
            raise AssertionError(f"{what}: {command} ended in {type(error).__name__}: {error}") from error
        assert kgan.code in (0, 2), (what, command, kgan.err)
        if kgan.code == 2:
            assert kgan.err.startswith("kgan: ") and kgan.err.count("\n") == 1 and "\x1b" not in kgan.err, (
                what,
                kgan.err,
            )
        assert contents(copy) == before, (what, command)
    shutil.rmtree(copy)


def concerned(file):
    """The commands that read a file: the others would only take time."""
    if file.parts[0] == "generator":
        return ["sample"]
    if file.name == "SHA256SUMS":
        return ["sample", "train"]
    return ["train", "export"] if file.parts[0] in ("checkpoint", "config.json") else ["train"]


def test_damaged_runs_meet_sentences(kgan, whole_run, tmp_path):
    for seed in range(25):
        check(kgan, whole_run, tmp_path / "copy", seed)


@pytest.mark.slow
def test_many_damaged_runs_meet_sentences(kgan, whole_run, tmp_path):
    for seed in range(25, 100):
        check(kgan, whole_run, tmp_path / "copy", seed)
