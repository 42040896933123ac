"""kgan: models whose parameters do not all minimise one loss, for Keras 3 and TensorFlow."""

import os

# TensorFlow reports its CPU features and missing GPU drivers on every start, unless a level was chosen. What goes
# wrong reaches Python as an exception all the same.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from kgan.cli.quiet import native_messages_dropped  # noqa: E402

with native_messages_dropped():
    from kgan import (
        attacks,
        callbacks,
        datasets,
        distribution,
        layers,
        losses,
        metrics,
        networks,
        optimizers,
        visualize,
    )
    from kgan.models import (
        GAN,
        AdversarialClassifier,
        AdversarialTraining,
        Autoencoder,
        Game,
        SKLearnAdversarialClassifier,
        StackedAutoencoder,
        TransferClassifier,
        pretrain,
    )

__version__ = "0.1.0"

__all__ = [
    "AdversarialClassifier",
    "AdversarialTraining",
    "Autoencoder",
    "GAN",
    "Game",
    "SKLearnAdversarialClassifier",
    "StackedAutoencoder",
    "TransferClassifier",
    "attacks",
    "callbacks",
    "datasets",
    "distribution",
    "layers",
    "losses",
    "metrics",
    "networks",
    "optimizers",
    "pretrain",
    "visualize",
]
