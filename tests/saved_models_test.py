"""The generator that comes with kgan, and the script that makes it."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.linear_model import LogisticRegression

import kgan
from kgan_command import main

FOLDER = Path(__file__).parents[1] / "saved_models"


@pytest.mark.slow
def test_the_saved_digits_are_the_digits_they_should_be():
    source = kgan.datasets.open_source("mnist5k", labels=True)
    classifier = LogisticRegression(max_iter=200).fit(source.images.reshape(5000, -1) / 255.0, source.targets)
    generator = tf.saved_model.load(FOLDER / "digits")
    images = generator.sample(200, 1).numpy()
    assert images.dtype == np.uint8 and images.shape == (200, 28, 28, 1)
    # The linear classifier itself is right about 90 percent of new real digits.
    assert classifier.score(images.reshape(200, -1) / 255.0, np.arange(200) % 10) > 0.8


def test_they_are_sampled_without_training(tmp_path):
    assert main(["sample", str(FOLDER / "digits"), "--n", "20", "--out", str(tmp_path / "grid.png")]) == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert min(grid.size) > 50


def test_the_record_names_settings_versions_and_a_number(tmp_path):
    record = json.loads((FOLDER / "digits" / "record.json").read_text())
    assert record["run"]["settings"]["data"] == "mnist5k" and record["run"]["versions"]["tensorflow"]
    assert record["pixel_frechet_distance"] > 0
    assert sum(file.stat().st_size for file in (FOLDER / "digits").rglob("*") if file.is_file()) < 3e6


@pytest.mark.slow
def test_the_script_makes_such_a_folder(load_script, tmp_path):
    load_script("saved_models/make_digits.py").make(
        tmp_path / "small", ["--epochs", "1", "--width", "4", "--limit", "256"]
    )
    made = tf.saved_model.load(tmp_path / "small")
    assert made.sample(3, 0).shape == (3, 28, 28, 1) and int(made.num_classes) == 10
    assert json.loads((tmp_path / "small" / "record.json").read_text())["run"]["settings"]["width"] == 4
