"""README's programs run as they stand, only for a shorter time."""

import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

import kgan

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def python_block(containing):
    return next(block for block in re.findall(r"```python\n(.*?)```", README, re.S) if containing in block)


def test_the_shortest_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = python_block("GAN.for_images(").replace("(28, 28, 1)", "(28, 28, 1), filters=2")
    shorter = program.replace("epochs=20", "epochs=1, steps_per_epoch=2")
    assert shorter != program
    names = {}
    exec(shorter, names)
    assert names["images"].shape == (64, 28, 28, 1)
    assert (tmp_path / "gan.keras").is_file()
    generator = tf.saved_model.load(tmp_path / "generator")
    np.testing.assert_array_equal(generator.sample(64, 0), kgan.datasets.to_uint8(names["images"]))


@pytest.mark.slow
def test_the_game_of_ones_own_is_saved_loaded_and_resumed(tmp_path):
    program = python_block("kgan.Game)").replace("epochs=40", "epochs=1, verbose=0")
    pictures = np.random.default_rng(0).uniform(-1, 1, (64, 4, 4, 1)).astype("float32")
    names = {
        "painter": kgan.networks.mlp((4, 4, 1), (4, 4, 1)),
        "spy": kgan.networks.mlp((4, 4, 1), 1),
        "pictures": pictures,
        "stamped": np.zeros((64, 1), "float32"),
        "__name__": "readme",
    }
    exec(program, names)
    game, data = names["game"], (pictures, names["stamped"])
    assert game.rounds == 1  # two minibatches of 32, both for the spy
    game.save(tmp_path / "game.keras")
    loaded = keras.models.load_model(tmp_path / "game.keras")
    assert loaded.weight == 0.1 and loaded.steps == {"spy": 2, "painter": 1}
    for model in (game, loaded):
        model.fit(*data, batch_size=32, epochs=1, verbose=0)
    for a, b in zip(game.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_optimizers_for_groups_of_layers():
    base, head = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)]) for _ in range(2))
    names = {"kgan": kgan, "keras": keras, "base": base, "head": head, "model": keras.Sequential([base, head])}
    exec(python_block("per_group("), names)
    names["model"].fit(np.ones((8, 4)), np.zeros(8), verbose=0)
    assert [type(part).__name__ for part in names["optimizer"].optimizers] == ["SGD", "Adam"]


@pytest.mark.slow
def test_pretraining_a_stack():
    program = python_block("kgan.StackedAutoencoder(").replace("[300, 300, 300, 300, 300]", "[8, 8]")
    program = program.replace("epochs=15, batch_size=20", "epochs=1, batch_size=20, verbose=0").replace(
        "epochs=20)", "epochs=1, verbose=0)"
    )
    x = np.random.default_rng(0).uniform(size=(40, 8, 8, 1)).astype("float32")
    names = {"x": x, "x_labelled": x[:20], "y_labelled": np.arange(20) % 10}
    exec(program, names)
    assert names["classifier"].predict(x, verbose=0).shape == (40, 10)


@pytest.mark.slow
def test_transferring_to_ones_own_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = python_block("kgan.TransferClassifier(").replace("epochs=20", "epochs=1, verbose=0")
    # Without the ImageNet weights, which are not here, and with small images, which those would take as well.
    own = 'photos.num_classes, weights=None, cut="block5_pool", input_shape=(32, 32, 3)'
    shorter = program.replace("(photos.num_classes", f"({own}").replace("image_size=224", "image_size=32")
    assert len(shorter) > len(program)
    pixels = np.random.default_rng(0)
    for number in range(20):
        (tmp_path / "photos" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels.integers(0, 256, (40, 30, 3), dtype=np.uint8))
        image.save(tmp_path / "photos" / "ab"[number % 2] / f"{number}.png")
    names = {}
    exec(shorter, names)
    served = tf.saved_model.load(tmp_path / "classifier")
    expected = names["classifier"].predict(names["images"], verbose=0)
    np.testing.assert_allclose(served.serve(names["images"]), expected, atol=1e-5)


@pytest.mark.slow
def test_hiding_sensitive_columns(capsys):
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"sex": rng.choice(["f", "m"], 600), "race": rng.choice(["a", "b", "c"], 600)})
    x = pd.DataFrame({"hours": rng.normal(size=600) + (people.sex == "m"), "age": rng.normal(size=600)})
    income = np.where(x.hours > 0.5, ">50K", "<=50K")
    names = {"x": x[:300], "income": income[:300], "people": people[:300]}
    names |= {"x_test": x[300:], "income_test": income[300:], "people_test": people[300:]}
    exec(python_block("kgan.FairClassifier(").replace("epochs=20", "epochs=1, verbose=0"), names)
    printed = capsys.readouterr().out
    assert "DIFFERENCES BETWEEN GROUPS" in printed and "race x sex" in printed.replace("sex x race", "race x sex")
    assert "LEAKAGE" in printed


@pytest.mark.slow
def test_attacking_and_withstanding():
    images = np.random.default_rng(0).random((64, 8, 8, 1), dtype=np.float32)
    labels = (images[:, :4].mean(axis=(1, 2, 3)) > images[:, 4:].mean(axis=(1, 2, 3))).astype(int)
    keras.utils.set_random_seed(0)
    classifier = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    names = {"classifier": classifier, "images": images, "labels": labels, "keras": keras, "kgan": kgan}
    exec(python_block("kgan.attacks.fgsm(").replace("epochs=10", "epochs=10, verbose=0"), names)
    assert 0 < np.abs(names["attacked"] - images).max() <= 0.1 + 1e-6
    assert names["curve"].accuracy[0] > names["curve"].accuracy[-1]


def test_it_begins_with_the_two_commands_and_its_pictures_and_links_exist():
    main_job, tests = re.findall(r"```bash\n(.*?)```", README, re.S)[:2]
    assert main_job == "pip install -e . && kgan train\n" and tests == "pip install -e '.[test]' && pytest\n"
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
