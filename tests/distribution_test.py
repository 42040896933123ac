import subprocess
import sys

import pytest
import tensorflow as tf

from kgan.distribution import choose


def test_one_device_needs_no_strategy():
    assert choose() is tf.distribute.get_strategy()
    assert choose(1) is choose("1") is tf.distribute.get_strategy()


def test_several_logical_cpu_devices_share_a_batch():
    strategy = choose("2")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == 2
    assert choose(2) is strategy


def test_every_visible_gpu_by_default(monkeypatch):
    found = []
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [f"{kind}:{i}" for i in range(3)])
    monkeypatch.setattr("kgan.distribution._mirrored", lambda kind, devices: found.append((kind, devices)))
    choose()
    choose(2)
    assert found == [("GPU", 3), ("GPU", 2)]
    with pytest.raises(ValueError, match="devices is 4, but there are 3 GPUs."):
        choose(4)


@pytest.mark.parametrize("devices", [0, -1, "many", 1.5, True])
def test_a_number_that_cannot_be_is_refused(devices):
    with pytest.raises(ValueError, match="devices must be 'auto' or a whole number of at least 1"):
        choose(devices)


def test_a_cpu_in_use_cannot_be_split_again():
    tf.zeros(1) + 1
    with pytest.raises(
        ValueError, match="cannot be split into 7 devices any more, because TensorFlow is already using"
    ):
        choose(7)


@pytest.mark.slow
def test_training_from_the_command_line_on_two_devices(tmp_path):
    command = "train digits --limit 32 --width 4 --latent-dim 4 --batch-size 16 --penalties none --epochs 1 --devices 2"
    done = subprocess.run(
        [sys.executable, "-m", "kgan", *command.split(), "--out", str(tmp_path / "run")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"devices": "2"' in (tmp_path / "run" / "config.json").read_text()
    assert "samples.png" in done.stdout
