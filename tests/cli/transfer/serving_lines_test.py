"""The lines that `kgan transfer` prints read image files as training did."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.cli.transfer.report import serving_lines
from kgan.datasets import open_source


class Brightness(tf.Module):
    """Stands for an exported classifier: gives back the mean of each image, and that of its first row."""

    def __init__(self):
        self.class_names = tf.Variable(["all", 'it\'s the "first" row'], trainable=False)
        self.serve = tf.function(self._serve, input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])

    def _serve(self, images):
        images = tf.cast(images, tf.float32)
        return tf.stack([tf.reduce_mean(images, (1, 2, 3)), tf.reduce_mean(images[:, 0], (1, 2))], -1)


def photos(folder, *, grey):
    """A 16-bit PNG, a JPEG that a telephone held upright wrote, a transparent PNG and a GIF with a palette."""
    folder.mkdir()
    slope = np.linspace(0, 255, 60 * 80).reshape(60, 80)
    picture = Image.fromarray(np.stack([slope, slope if grey else 255 - slope, slope], -1).astype("uint8"))
    picture = picture.convert("L") if grey else picture
    Image.fromarray((slope * 257).astype("uint16")).save(folder / "wide.png")
    exif = b"Exif\0\0II*\0" + struct.pack("<LHHHLHHL", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    picture.save(folder / "turned.jpg", exif=exif)
    glass = picture.copy()
    glass.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 80, dtype="uint8"), (60, 1))))
    glass.save(folder / "glass.png")
    picture.quantize(8).save(folder / "palette.gif", transparency=3)
    return folder


@pytest.mark.parametrize("grey", [False, True])
def test_the_printed_lines_give_the_pixels_of_training(tmp_path, capsys, grey):
    folder = photos(tmp_path / "photos", grey=grey)
    seen = open_source(folder, image_size=(24, 32))
    assert seen.image_shape == (24, 32, 1 if grey else 3)
    path = tmp_path / 'it\'s "mine"'
    tf.saved_model.save(Brightness(), str(path))
    program = "\n".join(serving_lines(path, seen.image_shape))
    for name, image in zip(sorted(file.name for file in folder.iterdir()), seen.images, strict=True):
        names = {}
        exec(program.replace('"photo.jpg"', repr(str(folder / name))), names)
        np.testing.assert_array_equal(names["image"], np.broadcast_to(image, (24, 32, 3)))
        means = [image.mean(), image[0].mean()]
        np.testing.assert_allclose(names["probabilities"], means, rtol=1e-5)
        best = ["all", 'it\'s the "first" row'][int(np.argmax(means))]
        said, number = capsys.readouterr().out.rsplit(" ", 1)
        assert said == best and float(number) == pytest.approx(max(means), rel=1e-5)
