import dataclasses
import json

import numpy as np
import pytest
import typer

from kgan_command import app
from kgan_command.settings import rules
from kgan_command.settings.train import TrainSettings


def test_the_flags_of_train_are_the_fields_with_the_same_defaults():
    command = typer.main.get_command(app.app).commands["train"]
    parameters = {p.name: p for p in command.params if p.name not in ("out", "resume", "config", "dry_run", "help")}
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    assert defaults == {field.name: field.default for field in dataclasses.fields(TrainSettings)}
    for name, parameter in parameters.items():
        assert parameter.opts == [name if name == "data" else "--" + name.replace("_", "-")]
        assert parameter.help


def test_settings_survive_json():
    changed = TrainSettings(limit=10, labels=False, image_size="16x24", minutes=1.5, epochs=None, precision="bfloat16")
    assert TrainSettings.from_dict(json.loads(json.dumps(changed.to_dict())), "file") == changed


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"epochs": 0}, "--epochs must be a whole number of at least 1, not 0."),
        ({"epochs": None}, "give --epochs or --minutes, so that training ends."),
        ({"minutes": 0.0}, "--minutes must be a number above 0, not 0.0."),
        ({"minutes": float("nan")}, "--minutes must be a number above 0, not nan."),
        ({"batch_size": -1}, "--batch-size must be a whole number of at least 1, not -1."),
        ({"generator_lr": float("inf")}, "--generator-lr must be a number above 0, not inf."),
        ({"beta_1": 1.0}, "--beta-1 must be at least 0 and below 1, not 1.0."),
        ({"ema": -0.1}, "--ema must be at least 0 and below 1, not -0.1."),
        ({"seed": -1}, "--seed must be a whole number from 0 to 2147483647, not -1."),
        ({"loss": "hing"}, "unknown --loss 'hing': did you mean hinge?"),
        (
            {"generator_normalization": "spectral"},
            "unknown --generator-normalization 'spectral': use one of batch, layer, group, none.",
        ),
        ({"precision": "float8"}, "unknown --precision 'float8': did you mean float32?"),
        ({"devices": "all"}, "--devices must be auto or a whole number of at least 1, not 'all'."),
        ({"devices": "0"}, "--devices must be auto or a whole number of at least 1, not '0'."),
        ({"penalties": "r1"}, "--penalties must be like r1:0.5,r2:0.5, with a weight from 0 up or auto, not 'r1'."),
        (
            {"penalties": "r1:-1"},
            "--penalties must be like r1:0.5,r2:0.5, with a weight from 0 up or auto, not 'r1:-1'.",
        ),
        ({"penalties": "r1:1,r1:2"}, "--penalties names r1 twice: give it once, with the summed weight."),
        ({"penalties": "dragon:1"}, "unknown --penalties 'dragon': did you mean dragan?"),
        ({"image_size": "7"}, "--image-size must be a side from 8 up or HEIGHTxWIDTH, such as 32 or 48x64, not '7'."),
        (
            {"image_size": "8x8x8"},
            "--image-size must be a side from 8 up or HEIGHTxWIDTH, such as 32 or 48x64, not '8x8x8'.",
        ),
        ({"epochs": "3"}, "--epochs must be of type int or nothing, not '3'."),
        ({"epochs": True}, "--epochs must be of type int or nothing, not True."),
        ({"k": 1.5}, "--k must be of type int, not 1.5."),
        ({"labels": 1}, "--labels must be of type bool or nothing, not 1."),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_a_sentence(values, sentence):
    with pytest.raises(ValueError) as error:
        TrainSettings(**values)
    assert str(error.value) == sentence


def test_numpys_numbers_are_numbers():
    numpy = TrainSettings(
        seed=np.int64(3), k=np.uint8(2), ema=np.float32(0.5), labels=np.bool_(True), minutes=np.int32(2)
    )
    assert numpy == TrainSettings(seed=3, k=2, ema=0.5, labels=True, minutes=2)
    assert TrainSettings.from_dict(json.loads(json.dumps(numpy.to_dict())), "file") == numpy
    with pytest.raises(ValueError, match="--k must be of type int, not 1.5"):
        TrainSettings(k=np.float32(1.5))


def test_an_unknown_name_is_refused_with_the_nearest_right_one():
    with pytest.raises(ValueError, match=r"my.json holds the unknown setting 'batchsize': did you mean batch_size\?"):
        TrainSettings.from_dict({"batchsize": 3}, "my.json")
    with pytest.raises(ValueError, match="my.json must hold settings by name, not list"):
        TrainSettings.from_dict([], "my.json")
    with pytest.raises(ValueError, match="my.json: unknown loss"):
        TrainSettings.from_dict({"loss": 3 * "x"}, "my.json")


def test_image_sizes_and_penalties_are_read():
    assert TrainSettings(image_size="32").shape() == (32, 32)
    assert TrainSettings(image_size="48x64").shape() == (48, 64)
    assert TrainSettings().shape() is None
    assert TrainSettings(penalties="r1:0.5, gradient_penalty:10").penalty_weights() == {
        "r1": 0.5,
        "gradient_penalty": 10.0,
    }
    assert TrainSettings(penalties="none").penalty_weights() == {}


def test_a_new_length_takes_the_place_of_the_old_one():
    by_time = TrainSettings().changed(minutes=3.0)
    assert (by_time.epochs, by_time.minutes) == (None, 3.0)
    by_epochs = by_time.changed(epochs=5)
    assert (by_epochs.epochs, by_epochs.minutes) == (5, None)
    both = TrainSettings().changed(epochs=5, minutes=3.0)
    assert (both.epochs, both.minutes) == (5, 3.0)


def test_differences_are_named():
    assert TrainSettings().differences(TrainSettings(k=2, seed=3)) == ["k", "seed"]
    assert TrainSettings().differences(TrainSettings()) == []


def test_whole_numbers_of_json_are_fine_for_real_settings():
    assert TrainSettings.from_dict({"minutes": 3}, "file").minutes == 3
    assert rules.nearest("zzz", ["one", "two"]) == ": use one of one, two."


def test_spectral_normalization_is_for_the_discriminator():
    assert TrainSettings(discriminator_normalization="spectral").discriminator_normalization == "spectral"
    with pytest.raises(ValueError, match="unknown --discriminator-normalization 'spectre'.*did you mean spectral"):
        TrainSettings(discriminator_normalization="spectre")
