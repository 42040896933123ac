"""From what a user gives to `TransferClassifier` to arrays and datasets that it can use."""

import numpy as np

from kgan.models.training import minibatches
from kgan.models.transfer import batches
from kgan.models.transfer import checks as transfer_checks

# Few images make few steps in an epoch: of fewer than so many images, batches of so many.
_SMALL_SETS = {200: 8, 400: 16}


def labelled(model, x, y=None, sample_weight=None, batch_size=None):
    """Images with their labels.

    Args:
        model: the `TransferClassifier`; its loss decides which labels fit.
        x: what `TransferClassifier.fit` takes.
        y: the same.
        sample_weight: one number per image, or `None`.
        batch_size: images per batch of arrays, or `None`.

    Returns:
        `(data, batch_size)`: arrays `(images, labels)` or `(images, labels, weights)` with `batch_size` as it was; or
        the dataset, which checks its batches as they come, with the size of its first one.

    Raises:
        ValueError: for data that cannot be used.
    """
    channels = model.resizing.channels
    if minibatches.gives_batches(x):
        if sample_weight is not None:
            raise ValueError("sample_weight goes with arrays: weigh the classes of a dataset by class_weight.")
        return batches.labelled(minibatches.as_dataset(x, y, batch_size), channels, model.num_classes, model.loss)
    labels = transfer_checks.labels(y, model.num_classes, model.loss)
    weights = () if sample_weight is None else (transfer_checks.sample_weight(sample_weight),)
    data = minibatches.as_data((_pictures(model, x), labels, *weights), batch_size=batch_size)
    transfer_checks.images(data[0], channels)
    return data, batch_size


def default_batch_size(images: int, devices: int = 1) -> int:
    """Images per step of training on so many, when the user does not say."""
    return 32 if devices > 1 else next((size for most, size in _SMALL_SETS.items() if images < most), 32)


def unlabelled(model, x, batch_size=None):
    """Images alone: an array, or a dataset of images or of pairs that begin with images."""
    if minibatches.gives_batches(x):
        return batches.unlabelled(minibatches.as_dataset(x), model.resizing.channels)
    x = minibatches.as_data(_pictures(model, x), batch_size=batch_size)
    transfer_checks.images(x, model.resizing.channels)
    return x


def _pictures(model, x):
    """A list of pictures as one array; of different sizes, resized one by one."""
    if not isinstance(x, list | tuple):
        return x
    pictures = [np.asarray(picture) for picture in x]
    if len({picture.shape for picture in pictures}) > 1:
        for picture in pictures:
            transfer_checks.image_shape((1, *picture.shape), picture.dtype, model.resizing.channels)
        pictures = [np.asarray(model.resizing(picture[None]))[0] for picture in pictures]
    return np.array(pictures)
