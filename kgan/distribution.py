"""Choosing the devices to train on."""

import functools

import tensorflow as tf

from kgan.scalars import is_count


def choose(devices: str | int = "auto") -> tf.distribute.Strategy:
    """The `tf.distribute` strategy for a number of devices.

    Args:
        devices: `"auto"` for every visible GPU, or the CPU if there is none; or a number of GPUs. Without a GPU, a
            number makes so many logical CPU devices, which share the cores: of use for trying things out.

    Returns:
        A `MirroredStrategy` for several devices, otherwise TensorFlow's default strategy. Asked again for the same
        number it returns the same strategy.

    Raises:
        ValueError: if there are not so many devices.

    Examples:
    ```python
    strategy = kgan.distribution.choose()
    with strategy.scope():
        gan = kgan.GAN(generator, discriminator)
        gan.compile()
    gan.fit(images, batch_size=64 * strategy.num_replicas_in_sync)
    ```
    """
    gpus = len(tf.config.get_visible_devices("GPU"))
    if devices == "auto":
        devices = max(1, gpus)
    if isinstance(devices, str) and devices.isdecimal():
        devices = int(devices)
    if not is_count(devices):
        raise ValueError(f"devices must be 'auto' or a whole number of at least 1, not {devices!r}.")
    devices = int(devices)
    if devices == 1:
        return tf.distribute.get_strategy()
    if gpus and devices > gpus:
        raise ValueError(f"devices is {devices}, but there {'is 1 GPU' if gpus == 1 else f'are {gpus} GPUs'}.")
    if not gpus:
        _split_cpu(devices)
    return _mirrored("GPU" if gpus else "CPU", devices)


# Two MirroredStrategies over the same devices would number their messages alike, and hang.
@functools.cache
def _mirrored(kind: str, devices: int):
    return tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(devices)])


def _split_cpu(devices: int):
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = tf.config.get_logical_device_configuration(cpu)
    if parts is not None and len(parts) >= devices:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    except RuntimeError:
        raise ValueError(
            f"the CPU cannot be split into {devices} devices any more, because TensorFlow is already using it: choose "
            "the devices before anything else."
        ) from None
