"""Two logical CPU devices for the whole test run: TensorFlow fixes its devices when it first uses one."""

import importlib.util
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Several test processes share the cores: one thread each is faster than threads that wait for each other.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import matplotlib  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

matplotlib.use("Agg")
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def two_devices():
    """A `MirroredStrategy` over two logical CPU devices: the one that commands get, as two strategies over the same
    devices of one process number their messages alike and mix them up.
    """
    from kgan import distribution

    return distribution.choose(2)


@pytest.fixture(scope="session")
def load_script():
    """Loads a script anew, by its path in the repository: `load_script("examples/gan_digits.py")` is its module."""

    def load(path):
        file = pathlib.Path(__file__).parents[1] / path
        name = path.removesuffix(".py").replace("/", ".")
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # where TensorFlow looks for the source of functions
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def assert_is_figure():
    """Checks that a file is a PNG, large enough to read and not blank."""

    def check(path, width=600, height=300):
        with Image.open(path) as figure:
            assert figure.format == "PNG"
            assert figure.width >= width and figure.height >= height, figure.size
            assert np.asarray(figure.convert("L")).std() > 3

    return check


@pytest.fixture(scope="session")
def assert_same_weights():
    """Checks that two models have the same weights, bit for bit."""

    def check(model, other):
        for mine, others in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, others)

    return check


@pytest.fixture(scope="session")
def write_images():
    """Writes images into class folders, in turns: image 3 of classes "a" and "b" is `b/3.png`."""

    def write(folder, images, classes=("a", "b")):
        for number, image in enumerate(images):
            path = folder / classes[number % len(classes)] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
        return folder

    return write


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test starts from the same global random state and the default dtype policy."""
    import keras

    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
