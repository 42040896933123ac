"""What a label means goes from the folders into the run, its exported generator and back to the user."""

import json

import numpy as np
import onnx
import pytest
import tensorflow as tf
from PIL import Image

from kgan.cli.common import generators
from kgan.cli.train.folder import TrainFolder
from kgan.export import export_generator
from kgan.networks import dcgan_generator

NAMES = ["cat", "dog, wet", "zebra Å"]


@pytest.fixture(scope="module")
def run(tmp_path_factory, write_images):
    from kgan_command import main

    folder = tmp_path_factory.mktemp("animals")
    write_images(folder / "data", np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), "uint8"), NAMES)
    small = ["--width", "2", "--batch-size", "8", "--epochs", "1", "--steps-per-epoch", "1"]
    assert main(["train", str(folder / "data"), *small, "--out", str(folder / "run")]) == 0
    return folder / "run"


def exported(path, names, num_classes=None):
    """A generator with classes, as another program exported it."""
    generator = dcgan_generator((8, 8, 1), 3, filters=2, num_classes=num_classes or len(names))
    export_generator(generator, path, num_classes=num_classes, class_names=names)
    return generators.load(path)


@pytest.mark.slow
def test_config_and_export_hold_the_names(kgan, run, tmp_path):
    assert json.loads((run / "config.json").read_text())["data"]["class_names"] == NAMES
    _, data, _ = TrainFolder(run).read_config()
    assert data.class_names == NAMES
    loaded = tf.saved_model.load(str(run / "generator"))
    assert [name.decode() for name in loaded.class_names.numpy()] == NAMES
    assert kgan(f"export {run} --out {tmp_path}/again").code == 0
    assert generators.load(tmp_path / "again").class_names == NAMES
    assert kgan(f"export {run} --format onnx --out {tmp_path}/generator.onnx").code == 0
    told = {item.key: item.value for item in onnx.load(tmp_path / "generator.onnx").metadata_props}
    assert told["num_classes"] == "3" and json.loads(told["class_names"]) == NAMES


def test_an_older_run_without_names_is_still_read(run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    del config["data"]["class_names"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    _, data, _ = TrainFolder(tmp_path).read_config()
    assert data.num_classes == 3 and data.class_names is None


def test_labels_are_given_by_name_or_number(kgan, run, tmp_path):
    assert kgan(f"sample {run} --n 4 --labels 'zebra Å,cat' --out {tmp_path}/images").code == 0
    texts = [Image.open(path).text for path in sorted((tmp_path / "images").iterdir())]
    assert [(text["label"], text["class"]) for text in texts] == 2 * [("2", "zebra Å"), ("0", "cat")]
    generator = generators.load(run)
    assert generator.class_ids("dog, wet") == [1]
    assert generator.class_ids("2, cat,0") == [2, 0, 0]


@pytest.mark.slow
def test_a_wrong_name_is_answered_with_the_right_ones(kgan, run):
    for labels in ("dgo", "cat,dgo", "3", "-1", ""):
        assert kgan(f"sample {run} --labels '{labels}'").code == 2
        wrong = labels.split(",")[-1]
        assert kgan.err.startswith(f"kgan: {run}/generator knows no class '{wrong}'")
        assert kgan.err.endswith(": its classes are cat, dog, wet, zebra Å.\n")
    assert kgan(f"sample {run} --labels zebra").code == 2
    assert "(did you mean zebra Å?)" in kgan.err


@pytest.mark.slow
def test_names_that_are_numbers_are_names(tmp_path):
    generator = exported(tmp_path / "tens", ["10", "20", "1"])
    assert generator.class_ids("10") == [0] and generator.class_ids("1,20") == [2, 1]
    with pytest.raises(ValueError, match="knows no class '0'.*: its classes are 10, 20, 1."):
        generator.class_ids("0")
    with pytest.raises(ValueError, match="knows the classes 0 to 2, not 3."):
        exported(tmp_path / "numbered", ["0", "1", "2"]).class_ids("3")


def test_many_names_are_not_all_listed(tmp_path):
    generator = exported(tmp_path / "many", [f"kind {i}" for i in range(60)])
    with pytest.raises(ValueError, match="kind 0, kind 1, .*kind 49 and 10 more.$"):
        generator.class_ids("none")


def test_the_plan_names_the_classes(kgan, run):
    assert kgan(f"train {run.parent / 'data'} --batch-size 8 --width 2 --dry-run").code == 0
    plan = " ".join(kgan.out.split())
    assert "images 24 of 8x8x3, 3 classes" in plan and "classes 0 cat, 1 dog, wet, 2 zebra Å" in plan


def test_a_class_without_images_is_an_error_unless_classes_are_not_wanted(kgan, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
    for i in range(4):
        Image.new("RGB", (16, 16), (i, 0, 0)).save(tmp_path / "pets" / "cat" / f"{i}.png")
    command = f"train {tmp_path}/pets --batch-size 2 --dry-run"
    assert kgan(command).code == 2
    assert kgan.err == (
        f"kgan: the class folder 'dog' in {tmp_path}/pets holds no image: add images, or take the folder away, "
        "or train without classes by --no-labels.\n"
    )
    assert kgan(f"{command} --no-labels").code == 0, kgan.err
