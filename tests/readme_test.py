"""README's programs run as they stand, only for a shorter time."""

import re
from pathlib import Path

import numpy as np
import tensorflow as tf

import kgan

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def python_block(containing):
    return next(block for block in re.findall(r"```python\n(.*?)```", README, re.S) if containing in block)


def test_the_shortest_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = python_block("kgan.GAN(").replace("filters=32", "filters=2")
    shorter = program.replace("epochs=20", "epochs=1, steps_per_epoch=2")
    assert shorter != program
    names = {}
    exec(shorter, names)
    assert names["images"].shape == (64, 28, 28, 1)
    assert (tmp_path / "gan.keras").is_file()
    generator = tf.saved_model.load(tmp_path / "generator")
    np.testing.assert_array_equal(generator.sample(64, 0), kgan.datasets.to_uint8(names["images"]))


def test_the_game_of_ones_own():
    program = python_block("kgan.Game)").replace("epochs=40", "epochs=1, verbose=0")
    pictures = np.random.default_rng(0).uniform(-1, 1, (64, 4, 4, 1)).astype("float32")
    names = {
        "painter": kgan.networks.mlp((4, 4, 1), (4, 4, 1)),
        "spy": kgan.networks.mlp((4, 4, 1), 1),
        "pictures": pictures,
        "stamped": np.zeros((64, 1), "float32"),
    }
    exec(program, names)
    assert names["game"].rounds == 1  # two minibatches of 32, both for the spy


def test_it_begins_with_the_two_commands_and_its_pictures_and_links_exist():
    main_job, tests = re.findall(r"```bash\n(.*?)```", README, re.S)[:2]
    assert main_job == "pip install -e . && kgan train\n" and tests == "pip install -e '.[test]' && pytest\n"
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
