import keras
import pytest

from kgan.datasets import named_sets


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty Keras cache, no Debian package and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(named_sets, "DEBIAN_FASHION", str(tmp_path / "debian"))
    for name in ("mnist", "fashion_mnist", "cifar10"):
        monkeypatch.setattr(getattr(keras.datasets, name), "load_data", None)
    return tmp_path / "datasets"
