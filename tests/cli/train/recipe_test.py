"""`auto` in `--penalties`: a number from the image size, which the plan shows and the run keeps."""

import json

import numpy as np
import pytest

from kgan import losses
from kgan_command.settings.train import TrainSettings

FLAGS = "--width 2 --batch-size 8 --epochs 1 --steps-per-epoch 1"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (16, 12, 20, 3), "uint8"))
    return path


@pytest.mark.slow
def test_the_default_becomes_a_number_that_plan_config_and_resume_agree_on(kgan, images, tmp_path):
    gamma = losses.auto_weight((12, 20, 3))
    numbers = f"r1:{gamma},r2:{gamma}"
    assert kgan(f"train {images} {FLAGS} --dry-run").code == 0
    assert f"penalties {numbers}" in " ".join(kgan.out.split())
    assert kgan(f"train {images} {FLAGS} --out {tmp_path}/run").code == 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["settings"]["penalties"] == numbers
    for same in ("", "--penalties r1:auto,r2:auto", f"--penalties 'r1:{gamma:.3f}, r2:{gamma:.4f}'"):
        assert kgan(f"train --resume {tmp_path}/run --dry-run {same}").code == 0, kgan.err
        assert f"penalties {numbers}" in " ".join(kgan.out.split())
    assert kgan(f"train --resume {tmp_path}/run --penalties r1:auto").code == 2
    assert f"penalties is {numbers}, not r1:{gamma}" in kgan.err


def test_the_number_of_a_config_stays_for_other_sizes(kgan, images, tmp_path):
    (tmp_path / "my.json").write_text(json.dumps({"penalties": "r1:0.125,r2:auto"}))
    assert kgan(f"train {images} {FLAGS} --image-size 64 --config {tmp_path}/my.json --dry-run").code == 0
    assert f"penalties r1:0.125,r2:{losses.auto_weight((64, 64, 3))}" in " ".join(kgan.out.split())


def test_auto_is_for_r1_and_r2():
    assert TrainSettings().penalty_weights() == {"r1": "auto", "r2": "auto"}
    assert TrainSettings(penalties="none").with_weights(3.0).penalties == "none"
    mixed = TrainSettings(penalties="r1:auto,dragan:10").with_weights(3.0)
    assert mixed.penalty_weights() == {"r1": 3.0, "dragan": 10.0}
    with pytest.raises(ValueError, match="--penalties has no auto weight for dragan, only for r1 and r2: give"):
        TrainSettings(penalties="dragan:auto")
