import shutil

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import kgan as package
from kgan.cli.common import generators


@pytest.mark.slow
def test_a_checkpoint_is_exported_with_and_without_the_moving_average(kgan, whole_run, tmp_path):
    gan = keras.saving.load_model(whole_run / "model.keras")
    for flag, ema in (("", True), ("--no-ema", False)):
        path = tmp_path / f"generator{flag}"
        assert kgan(f"export {whole_run} --out {path} {flag}").code == 0
        assert kgan.out == f"{path}  the generator after 4 epochs\n"
        exported = tf.saved_model.load(str(path))
        np.testing.assert_array_equal(
            exported.sample(12, 3), package.datasets.to_uint8(gan.generate(12, seed=3, ema=ema))
        )
    assert not np.array_equal(gan.generate(12, seed=3, ema=True), gan.generate(12, seed=3, ema=False))


@pytest.mark.slow
def test_an_onnx_file_makes_the_same_images(kgan, whole_run, tmp_path):
    assert kgan(f"export {whole_run} --format onnx --out {tmp_path}/generator.onnx").code == 0
    generator = generators.load(whole_run)
    latents, labels = generator.latents(5, 0), generator.labels(5, None)
    session = onnxruntime.InferenceSession(str(tmp_path / "generator.onnx"))
    (images,) = session.run(None, {"latents": latents, "labels": labels})
    assert images.dtype == np.uint8
    assert np.abs(images.astype(int) - generator.images(latents, labels)).max() <= 1


def test_bad_input_is_answered_in_a_sentence(kgan, whole_run, tmp_path):
    assert kgan(f"export {whole_run} --format onx").code == 2
    assert kgan.err == "kgan: unknown --format 'onx': did you mean onnx?\n"
    assert kgan(f"export {tmp_path}").code == 2
    assert kgan.err == f"kgan: {tmp_path} is not the folder of a run: it has no config.json.\n"
    shutil.copy(whole_run / "config.json", tmp_path)
    assert kgan(f"export {tmp_path}").code == 2
    assert kgan.err == f"kgan: {tmp_path} has no checkpoint yet: train it first.\n"


def test_onnx_without_its_packages_is_answered_in_a_sentence(kgan, whole_run, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    assert kgan(f"export {whole_run} --format onnx --out {tmp_path}/generator.onnx").code == 2
    assert kgan.err == "kgan: ONNX export needs more packages: pip install onnx tf2onnx.\n"
    assert list(tmp_path.iterdir()) == []
