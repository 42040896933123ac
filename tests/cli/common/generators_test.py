"""SavedModels that others made or damaged, and names that forge lines, on the command line."""

import json
import os
import random
import shlex
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan import memory
from kgan.cli.common import generators
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.train import recipe
from kgan.export import export_generator, saved_model_contents
from kgan.export.generator import ExportedGenerator
from kgan.foreign_text import printable, shell_word
from kgan.networks import dcgan_generator
from kgan_command import main
from kgan_command.settings.train import TrainSettings

EVIL = "\x1b[2J\x1b[31mEVIL\nkgan: all fine"
SHOWN = r"\x1b[2J\x1b[31mEVIL\nkgan: all fine"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """What kgan exports, with operations of all kinds that its layers have."""
    path = tmp_path_factory.mktemp("exports") / "generator"
    generator = dcgan_generator((16, 16, 1), 3, filters=2, num_classes=3, normalization="group")
    return export_generator(generator, path, class_names=["a", "b", "c"])


def foreign(path, *, number=3, names=None, latent_dim=4, effect=None, dtype="uint8"):
    """A SavedModel as another program may write it, which looks like one of kgan."""
    module = tf.Module()

    def serve(latents, labels):
        if effect is not None:
            effect()
        return tf.zeros([tf.shape(latents)[0], 8, 8, 1], dtype)

    latents, labels = tf.TensorSpec((None, latent_dim), name="latents"), tf.TensorSpec((None,), tf.int32, name="labels")
    module.serve = tf.function(serve, input_signature=[latents, labels])
    module.num_classes = None if number is None else tf.Variable(number, trainable=False)
    if names is not None:
        module.class_names = tf.Variable(names, trainable=False)
    tf.saved_model.save(module, str(path), signatures={"serve": module.serve})
    return path


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


# Operations


def test_what_kgan_exports_only_computes(exported, whole_run, kgan, tmp_path):
    for path in (exported, whole_run / "generator"):
        assert saved_model_contents.describe(path).beyond == []
        assert kgan(f"sample {path} --n 3 --out {tmp_path}/grid.png").code == 0 and kgan.err == ""
    assert saved_model_contents.describe(exported).image_shape == (16, 16, 1)


def test_a_saved_model_that_writes_a_file_is_told_before_it_does(kgan, tmp_path):
    path = foreign(tmp_path / "foreign", effect=lambda: tf.io.write_file(str(tmp_path / "written"), "yes"))
    written = []
    generators.load(path, lambda note: written.append((note, (tmp_path / "written").exists())))
    assert [there for _, there in written] == [False] and "(WriteFile)" in written[0][0]
    assert kgan(f"sample {path} --n 3 --out {tmp_path}/grid.png").code == 0
    assert (tmp_path / "written").exists()  # TensorFlow does run it
    assert kgan.err.count("\n") == 1 and kgan.err.startswith(f"{path} was not written by kgan: it holds operations")


@pytest.mark.parametrize(
    ("effect", "operations"),
    [
        (lambda: tf.io.read_file("x"), ["ReadFile"]),
        (lambda: tf.print("x", output_stream="file:///dev/null"), ["PrintV2"]),
        (lambda: tf.raw_ops.MatchingFiles(pattern="x"), ["MatchingFiles"]),
        (lambda: tf.raw_ops.DebugIdentity(input=1.0), ["DebugIdentity"]),
        (lambda: tf.numpy_function(lambda: np.float32(1), [], tf.float32), ["PyFunc"]),
        (lambda: tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=["x"], destination_prefix="y"), ["MergeV2Checkp"]),
        (lambda: tf.cond(tf.constant(True), lambda: tf.io.write_file("x", "y"), lambda: tf.no_op()), ["WriteFile"]),
        (lambda: tf.map_fn(tf.io.read_file, tf.constant(["x"])), ["ReadFile"]),
        (lambda: tf.random.normal([2]) + tf.random.stateless_normal([2], [0, 1]), []),
        (lambda: tf.debugging.check_numerics(tf.while_loop(lambda i: i < 3.0, lambda i: [i + 1.0], [0.0])[0], ""), []),
    ],
)
def test_operations_are_found_wherever_they_are(tmp_path, effect, operations):
    beyond = saved_model_contents.describe(foreign(tmp_path / "foreign", effect=effect)).beyond
    assert len(beyond) == len(operations) and all(map(str.startswith, beyond, operations))


# Damage


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ({"number": -3}, "its number of classes must be a whole number from 0 to 2147483647, but it is -3."),
        ({"number": "three"}, "its number of classes must be"),
        ({"number": [1, 2]}, "its number of classes must be"),
        ({"number": 2**40}, "its number of classes must be"),
        ({"number": None}, "cannot be loaded as a generator that kgan exported"),
        ({"names": ["a", "b"]}, "its class_names must be 3 names, one for each class"),
        ({"names": [1.0, 2.0, 3.0]}, "its class_names must be 3 names, one for each class"),
        ({"latent_dim": None}, "its endpoint serve takes labels of shape (None,), latents of shape (None, None)."),
        ({"latent_dim": 10**9}, "from 1,000,000,000 random numbers each would take"),
        ({"dtype": "float32"}, "makes no images, which would be uint8 of shape (72, height, width, 1 to 4): it makes"),
    ],
)
def test_wrong_types_are_answered_in_a_sentence(kgan, tmp_path, monkeypatch, what, sentence):
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    foreign(tmp_path / "foreign", **what)
    assert kgan(f"sample {tmp_path}/foreign --out {tmp_path}/grid.png").code == 2
    assert kgan.err.startswith("kgan: ") and sentence in kgan.err and kgan.err.count("\n") == 1
    assert not (tmp_path / "grid.png").exists()


@pytest.mark.slow
def test_any_damage_is_answered_in_a_sentence_that_names_the_folder(kgan, exported, tmp_path):
    files = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001", "fingerprint.pb"]
    kinds = ("flip", "cut", "delete", "zeros", "empty")
    for case in range(20):
        chance = random.Random(case)
        path = tmp_path / str(case)
        shutil.copytree(exported, path)
        file, kind = path / files[case % 4], kinds[case // 4]
        content = bytearray(file.read_bytes())
        start = chance.randrange(len(content))
        if kind == "flip":
            content[start] ^= 1 << chance.randrange(8)
        elif kind == "zeros":
            content[start : start + 64] = bytes(len(content[start : start + 64]))
        elif kind in ("cut", "empty"):
            del content[start if kind == "cut" else 0 :]
        file.unlink() if kind == "delete" else file.write_bytes(content)
        assert kgan(f"sample {path} --n 3 --out {tmp_path}/grid.png").code in (0, 2), (case, kind, file)
        if kgan.code == 2:
            assert kgan.err.startswith("kgan: ") and str(path) in kgan.err and kgan.err.count("\n") == 1, kgan.err
        else:
            assert kgan.err == "", (case, kind, file)


def test_empty_variables(kgan, exported, tmp_path):
    shutil.copytree(exported, tmp_path / "generator")
    (tmp_path / "generator" / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    assert kgan(f"sample {tmp_path}").code == 2
    assert kgan.err.startswith(f"kgan: {tmp_path}/generator cannot be loaded as a generator that kgan exported")


# Sizes


def test_a_billion_classes_take_no_time(kgan, tmp_path):
    foreign(tmp_path / "foreign", number=10**9)
    assert kgan(f"sample {tmp_path}/foreign --n 4 --out {tmp_path}/grid.png").code == 0
    assert generators.load(tmp_path / "foreign").labels(3, None).tolist() == [0, 1, 2]
    assert kgan(f"sample {tmp_path}/foreign --labels 1000000000").code == 2
    assert "knows the classes 0 to 999999999, not 1000000000." in kgan.err
    assert kgan(f"sample {tmp_path}/foreign --labels {'9' * 5000}").code == 2 and len(kgan.err) < 400


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            "--n 10000",
            "10,000 images of 16x16x1 from 3 random numbers each would take 5.5 MB of memory, but 100 kB are",
        ),
        (
            "--n 10000 --out FOLDER",
            "would take 360 kB of memory, but 100 kB are free: ask for fewer, several times, with",
        ),
        ("--n 10000 --interpolate 0,1", "would take 5.5 MB of memory"),
        ("--n 9999999999", "--n must be a whole number of at most 2147483647, not 9999999999."),
    ],
)
def test_more_images_than_memory_holds(kgan, exported, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.setattr(memory, "available", lambda: 10**5)
    monkeypatch.chdir(tmp_path)
    assert kgan(f"sample {exported} {arguments}").code == 2
    assert kgan.err.startswith("kgan: ") and sentence in kgan.err and list(tmp_path.iterdir()) == []


def test_single_images_are_never_all_in_memory(kgan, exported, tmp_path, monkeypatch):
    monkeypatch.setattr("kgan.export.generator._BATCH", 4)
    kgan(f"sample {exported} --n 10 --out {tmp_path}/all.png")
    monkeypatch.setattr(ExportedGenerator, "images", None)  # a grid's way
    assert kgan(f"sample {exported} --n 10 --out {tmp_path}/images").code == 0
    files = sorted((tmp_path / "images").iterdir())
    assert [file.name for file in files] == [f"{i:04d}.png" for i in range(10)]
    assert [Image.open(file).text["class"] for file in files] == list("abcabcabca")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            "--width 1000000000",
            "networks of --width 1,000,000,000 and --latent-dim 100 for images of 8x8 of 10 classes would",
        ),
        ("--latent-dim 1000000000", "networks of --width 32 and --latent-dim 1,000,000,000 for images"),
        ("--image-size 99999999x99999999", "one grey image of 99999999x99999999 would take 40,000 TB of memory"),
        (f"--image-size {'9' * 5000}", "--image-size must be a side from 8 up"),
        ("--batch-size 100000000000", "digits has 1797 images, fewer than"),
        (f"--width {'9' * 100}", "--width must be a whole number of at most 9223372036854775807, not 99999"),
        (f"--limit {'9' * 30}", "--limit must be a whole number of at most 9223372036854775807, not 99999"),
    ],
)
def test_networks_that_memory_cannot_hold_are_not_built(kgan, flags, sentence):
    assert kgan(f"train digits --dry-run {flags}").code == 2
    assert kgan.err.startswith("kgan: ") and sentence in kgan.err and len(kgan.err) < 500


@pytest.mark.parametrize("shape", [(8, 8, 1), (15, 17, 3), (31, 64, 1), (64, 64, 3)])
@pytest.mark.parametrize("options", [{"ema": 0.0}, {"latent_dim": 3, "width": 8}])
@pytest.mark.parametrize("classes", [None, 10])
def test_no_network_that_fits_is_refused(monkeypatch, shape, options, classes):
    sizes = []
    monkeypatch.setattr(memory, "check_fits", lambda size, *_: sizes.append(size))
    settings = TrainSettings(**{"width": 2, "precision": "float32", "devices": "1", "penalties": "none", **options})
    gan = recipe.build(settings, DataFacts("made up", "0" * 16, 1000, shape, classes), tf.distribute.get_strategy())
    generators = 2 if settings.ema else 1
    taken = 4 * (generators * gan.generator.count_params() + gan.discriminator.count_params())
    assert taken / 2 < sizes[0] <= taken


# Names


def test_a_forged_name_stays_on_its_line(kgan, tmp_path, monkeypatch):
    data = tmp_path / f"photos{EVIL}"
    for name in (f"a{EVIL}", "[bold]b"):
        (data / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(np.full((8, 8), 20 * i, "uint8")).save(data / name / f"{i}.png")
    (data / "[bold]b" / f"{EVIL}.png").write_bytes(b"no image")
    (data / "[bold]b" / f"{EVIL}.txt").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert run("train", data, "--batch-size", 8, "--width", 2, "--epochs", 1, "--dry-run") == 0
    out, err = kgan._capfd.readouterr()
    plan = "".join(line.strip() for line in out.splitlines())
    assert "\x1b" not in out + err and "\nkgan" not in out
    assert rf"a{SHOWN}".replace(" ", "") in plan.replace(" ", "") and "[bold]b" in plan
    for command in (
        ["sample", data],
        ["sample", f"{data}x"],
        ["attack", data, "digits"],
        ["datasets", "--download", EVIL],
    ):
        assert run(*command) == 2
        out, err = kgan._capfd.readouterr()
        assert err.startswith("kgan: ") and SHOWN in err and err.count("\n") == 1 and "\x1b" not in err + out


def test_forged_names_of_classes_of_a_foreign_generator(kgan, tmp_path):
    path = foreign(tmp_path / "foreign", names=[EVIL, "b", "c" * 10_000])
    assert generators.load(path).class_names[0] == SHOWN
    assert kgan(f"sample {path} --labels d").code == 2
    assert SHOWN in kgan.err and kgan.err.count("\n") == 1 and len(kgan.err) < 500 and "\x1b" not in kgan.err


@pytest.mark.parametrize("name", ["my run", "it's", "-x", EVIL, os.fsdecode(b"caf\xe9")])
def test_a_printed_command_is_one(kgan, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "config.json").write_text(json.dumps({}))
    assert run("sample", "--", name) == 2
    _, err = kgan._capfd.readouterr()
    assert printable(err.strip()) == err.strip()
    command = err.split("`")[1]
    assert command == f"kgan train --resume {shell_word(name)}"
    # A shell runs it on the right folder.
    script = f'kgan() {{ test "$2" = --resume && cat "$3/config.json"; }}; {command}'
    assert subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout == b"{}"
    if printable(name) == name and not name.startswith("-"):
        assert shlex.split(command)[-1] == name
