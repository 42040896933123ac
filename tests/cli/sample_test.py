import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.cli.common import generators


def pixels(path, i, columns, side=8):
    """Image i of a grid, at its size before it was magnified."""
    grid = np.asarray(Image.open(path))
    step = (grid.shape[1] - 2) // columns
    row, column = divmod(i, columns)
    scale = (step - 2) // side
    part = grid[2 + row * step : (row + 1) * step, 2 + column * step : (column + 1) * step]
    return part[::scale, ::scale][:, :, np.newaxis]


def test_a_grid_holds_what_the_generator_samples(kgan, whole_run, tmp_path):
    assert kgan(f"sample {whole_run} --seed 5 --out {tmp_path}/grid.png").code == 0
    assert kgan.out == f"{tmp_path}/grid.png  70 images\n"
    loaded = tf.saved_model.load(str(whole_run / "generator"))
    images = loaded.sample(70, 5).numpy()
    for i in (0, 1, 12, 69):
        np.testing.assert_array_equal(pixels(tmp_path / "grid.png", i, 10), images[i])
    assert Image.open(tmp_path / "grid.png").text["seed"] == "5"
    kgan(f"sample {whole_run / 'generator'} --seed 5 --out {tmp_path}/again.png")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "grid.png").read_bytes()


def test_single_images_go_into_a_folder(kgan, whole_run, tmp_path):
    assert kgan(f"sample {whole_run} --n 3 --seed 1 --labels 7,2 --out {tmp_path}/images").code == 0
    generator = generators.load(whole_run)
    expected = generator.images(generator.latents(3, 1), np.asarray([7, 2, 7], "int32"))
    files = sorted((tmp_path / "images").iterdir())
    assert [file.name for file in files] == ["0000.png", "0001.png", "0002.png"]
    for file, image in zip(files, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(file)), image[..., 0])
    assert [Image.open(file).text["label"] for file in files] == ["7", "2", "7"]
    assert kgan(f"sample {whole_run} --out {tmp_path}/images").code == 2
    assert "images holds something already" in kgan.err


def test_an_interpolation_goes_from_the_samples_of_one_seed_to_those_of_another(kgan, whole_run, tmp_path):
    assert kgan(f"sample {whole_run} --n 24 --interpolate 3,4 --out {tmp_path}/way.png").code == 0
    loaded = tf.saved_model.load(str(whole_run / "generator"))
    starts, ends = loaded.sample(3, 3).numpy(), loaded.sample(3, 4).numpy()
    for row in range(3):
        np.testing.assert_array_equal(pixels(tmp_path / "way.png", 8 * row, 8), starts[row])
        np.testing.assert_array_equal(pixels(tmp_path / "way.png", 8 * row + 7, 8), ends[row])
    assert not np.array_equal(pixels(tmp_path / "way.png", 3, 8), starts[0])


def test_any_number_is_made_in_parts(whole_run):
    generator = generators.load(whole_run)
    latents, labels = generator.latents(300, 0), generator.labels(300, None)
    images = generator.images(latents, labels)
    assert images.shape == (300, 8, 8, 1) and images.dtype == np.uint8
    np.testing.assert_array_equal(images[280:], generator.images(latents[280:], labels[280:]))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("{run} --labels 3,10", "{run}/generator knows the classes 0 to 9, not 10."),
        ("{run} --labels cat", "--labels must be whole numbers with commas between them, such as 0,1,2, not 'cat'."),
        ("{run} --interpolate 3", "--interpolate takes two seeds, such as 0,1, not '3'."),
        ("{run} --n 0", "--n must be a whole number of at least 1, not 0."),
        ("{run} --seed -1", "--seed must be a whole number from 0 to 2147483647, not -1."),
        ("{run}/samples", "{run}/samples is neither the folder of a run nor of a SavedModel."),
        ("{run}/nothing", "there is no {run}/nothing."),
    ],
)
def test_bad_input_is_answered_in_a_sentence(kgan, whole_run, arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kgan("sample " + arguments.format(run=whole_run)).code == 2
    assert kgan.err == f"kgan: {sentence.format(run=whole_run)}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_or_unfinished_generator_is_refused(kgan, tmp_path):
    module = tf.Module()
    module.run = tf.function(lambda: tf.constant(1), input_signature=[])
    tf.saved_model.save(module, str(tmp_path / "foreign"))
    assert kgan(f"sample {tmp_path}/foreign").code == 2
    assert kgan.err == f"kgan: {tmp_path}/foreign is no generator that kgan exported: it has no endpoint serve.\n"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    assert kgan(f"sample {tmp_path}/run").code == 2
    assert f"`kgan train --resume {tmp_path}/run` finishes the run" in kgan.err
