"""Two logical CPU devices for the whole test run: TensorFlow fixes its devices when it first uses one."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Several test processes share the cores: one thread each is faster than threads that wait for each other.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import matplotlib  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402

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


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test starts from the same global random state and the default dtype policy."""
    import keras

    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
