import json
import shlex

import keras
import numpy as np
import pytest
from PIL import Image

from kgan.callbacks import HistoryFile, SampleGrid
from kgan.callbacks.history_file import read_history
from kgan.cli.common import run_folder


def test_a_run_leaves_everything_behind(whole_run):
    config = json.loads((whole_run / "config.json").read_text())
    assert config["settings"]["batch_size"] == 16
    assert config["settings"]["precision"] == "float32"
    assert config["settings"]["image_size"] == "8x8"
    assert config["settings"]["labels"] is True
    assert config["settings"]["devices"] == "1"
    assert set(config["versions"]) == {"kgan", "keras", "tensorflow", "numpy", "python"}
    assert config["data"]["size"] == 96 and len(config["data"]["fingerprint"]) == 16

    history = read_history(whole_run / "history.csv")
    assert history["epoch"] == [1, 2, 3, 4]
    assert {"discriminator_loss", "generator_loss", "r1", "real_output", "fake_output", "seconds"} < set(history)
    assert np.isfinite(list(history.values())).all()
    assert history["seconds"] == sorted(history["seconds"])

    assert [p.name for p in sorted((whole_run / "samples").iterdir())] == [f"epoch_000{i}.png" for i in (1, 2, 3, 4)]
    assert (whole_run / "samples.png").read_bytes() == (whole_run / "samples" / "epoch_0004.png").read_bytes()
    assert Image.open(whole_run / "history.png").size[0] > 300
    assert not list(whole_run.rglob(".unfinished*"))


def test_model_and_exported_generator_make_the_samples_of_the_run(whole_run):
    import tensorflow as tf

    import kgan as package

    gan = keras.saving.load_model(whole_run / "model.keras")
    images = package.datasets.to_uint8(gan.generate(20, seed=0))
    exported = tf.saved_model.load(str(whole_run / "generator"))
    np.testing.assert_array_equal(exported.sample(20, 0), images)
    grid = np.asarray(Image.open(whole_run / "samples.png"))
    first = np.asarray(Image.fromarray(images[0, ..., 0]).resize((64, 64), Image.Resampling.NEAREST))
    scale = (grid.shape[1] - 2) // 10 - 2
    assert scale % 8 == 0
    np.testing.assert_array_equal(grid[2 : 2 + scale : scale // 8, 2 : 2 + scale : scale // 8], first[::8, ::8])


@pytest.mark.slow
def test_ctrl_c_and_resume_equals_the_uninterrupted_run(kgan, tmp_path, whole_run, assert_same_run, monkeypatch):
    out = tmp_path / "a run"

    original = SampleGrid.on_epoch_end

    def interrupt(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(SampleGrid, "on_epoch_end", interrupt)
        assert kgan(f"train {kgan.small} --out {shlex.quote(str(out))}").code == 130
    assert kgan.err == (
        f"Stopped. In {out} 2 complete epochs are kept; go on with: kgan train --resume {shlex.quote(str(out))}\n"
    )
    assert kgan(f"train --resume {shlex.quote(str(out))}").code == 0
    assert_same_run(out, whole_run)


@pytest.mark.slow
def test_an_exception_in_training_keeps_the_last_checkpoint(kgan, tmp_path, whole_run, assert_same_run, monkeypatch):
    out = tmp_path / "run"
    original = HistoryFile.on_epoch_end

    def fail(self, epoch, logs=None):
        if epoch == 1:
            raise OSError(28, "No space left on device")
        original(self, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(HistoryFile, "on_epoch_end", fail)
        assert kgan(f"train {kgan.small} --out {out}").code == 1
    assert kgan.err == (
        f"The run cannot be written: No space left on device. In {out} 1 complete epoch is kept; "
        f"go on with: kgan train --resume {out}\n"
    )
    assert kgan(f"train --resume {out}").code == 0
    assert_same_run(out, whole_run)


@pytest.mark.slow
def test_a_finished_run_can_be_extended(kgan, tmp_path, whole_run, assert_same_run):
    out = tmp_path / "run"
    assert kgan(f"train {kgan.small} --epochs 2 --out {out}").code == 0
    assert kgan(f"train --resume {out}").code == 0
    assert kgan.out.startswith(
        f"{out} has its 2 epochs: nothing is left to train. --epochs and --minutes are totals: --epochs 3 goes on.\n"
    )
    assert kgan(f"train --resume {out} --epochs 4").code == 0
    assert_same_run(out, whole_run)
    assert json.loads((out / "config.json").read_text()) == json.loads((whole_run / "config.json").read_text())


@pytest.mark.slow
def test_a_run_that_diverges_says_so_and_keeps_the_last_good_checkpoint(kgan, tmp_path):
    out = tmp_path / "run"
    assert kgan(f"train {kgan.small} --discriminator-lr 1e30 --loss least_squares --out {out}").code == 1
    assert kgan.err.startswith("Training stopped: ")
    assert f"In {out} no complete epoch is kept." in kgan.err and kgan.err.count("\n") == 1
    assert (out / "checkpoint" / "epoch_0000.weights.h5").is_file()
    assert not (out / "model.keras").exists()


@pytest.mark.slow
def test_a_discriminator_that_wins_is_told_on_the_screen(kgan, tmp_path):
    # The generator hardly moves; 5 epochs of 112 rounds.
    flags = "--width 2 --batch-size 16 --generator-lr 1e-9 --discriminator-lr 0.01 --penalties r1:0.01 --epochs 6"
    assert kgan(f"train digits --no-labels {flags} --out {tmp_path}/run").code == 0
    assert kgan.out.count("The discriminator has clearly won for 5 epochs: its loss is 0.") == 1
    assert "Try heavier penalties, such as r1:0.04, or a smaller learning rate of the discriminator." in kgan.out


def test_a_changed_setting_is_refused_by_a_resume(kgan, whole_run):
    before = (whole_run / "config.json").read_bytes()
    assert kgan(f"train --resume {whole_run} --width 8 --seed 1 --epochs 9").code == 2
    assert "(width is 4, not 8, seed is 0, not 1)" in kgan.err and kgan.err.count("\n") == 1
    assert (whole_run / "config.json").read_bytes() == before
    assert kgan(f"train mnist5k --resume {whole_run}").code == 2
    assert "data is digits, not mnist5k" in kgan.err
    for flag in ("--out elsewhere", "--config some.json"):
        assert kgan(f"train --resume {whole_run} {flag}").code == 2
        assert kgan.err == "kgan: --resume goes on with a run as it is: leave out --out and --config.\n"
    assert kgan(f"train --resume {whole_run}/samples").code == 2
    assert kgan.err == f"kgan: {whole_run}/samples is not the folder of a run: it has no config.json.\n"


def test_a_resume_accepts_flags_that_change_nothing(kgan, whole_run):
    assert kgan(f"train digits --resume {whole_run} --width 4 --image-size 8 --precision auto --dry-run").code == 0
    assert "4 epochs" in kgan.out


@pytest.mark.slow
def test_changed_data_are_refused_by_a_resume(kgan, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), "uint8")
    np.savez(tmp_path / "images.npz", x=images)
    command = (
        f"train {tmp_path}/images.npz --width 4 --batch-size 16 --penalties none --minutes 0.001 --out {tmp_path}/run"
    )
    assert kgan(command).code == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["labels"] is False and config["settings"]["epochs"] is None
    # Unlimited in epochs, the run ended with the epoch in which its time was over.
    assert read_history(tmp_path / "run" / "history.csv")["epoch"] == [1.0]
    assert kgan(f"train --resume {tmp_path}/run").code == 0
    assert "nothing is left to train. --epochs and --minutes are totals: --minutes 1 goes on." in kgan.out
    images[3, 3, 3] += 1
    np.savez(tmp_path / "images.npz", x=images)
    assert kgan(f"train --resume {tmp_path}/run --minutes 1").code == 2
    assert "cannot go on, because the data" in kgan.err and "have changed" in kgan.err


@pytest.mark.slow
def test_broken_files_are_named_at_the_end_and_settings_come_from_a_file(kgan, tmp_path, write_images):
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 10, 3), "uint8")
    write_images(tmp_path / "images", images, ["class 0", "class 1"])
    (tmp_path / "images" / "class 1" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    settings = {"width": 4, "batch_size": 8, "penalties": "none", "minutes": 5, "latent_dim": 9}
    (tmp_path / "my.json").write_text(json.dumps(settings))
    assert (
        kgan(f"train {tmp_path}/images --config {tmp_path}/my.json --epochs 1 --ema 0 --out {tmp_path}/run").code == 0
    )
    assert "1 broken file was skipped" in kgan.out and "torn.png" in kgan.out
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["settings"]
    assert (settings["latent_dim"], settings["epochs"], settings["minutes"]) == (9, 1, None)
    assert (settings["image_size"], settings["labels"], settings["ema"]) == ("8x10", True, 0.0)


def test_a_dry_run_prints_the_plan_and_writes_nothing(kgan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kgan("train digits --dry-run --width 4 --no-labels --k 2").code == 0
    lines = {" ".join(line.split()) for line in kgan.out.splitlines()}
    assert {"images 1,797 of 8x8x1", "labels no", "k 2", "rounds 14 per epoch, 700 in all"} <= lines
    # By hand: dense 100 to 4x4x4, batch norm of 4 channels with 4 numbers each, then 4x4x4 weights and a bias for the
    # image; 4x4x1x4 + 4, and 64 + 1.
    assert {f"generator {100 * 64 + 16 + 65:,} parameters", "discriminator 133 parameters"} <= lines
    assert any(line.startswith("memory about ") for line in lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("train --epoch 3", "No such option: --epoch"),
        ("train --loss hing", "unknown --loss 'hing': did you mean hinge?"),
        ("train digit", "There is no data set or path 'digit' (did you mean digits?)"),
        ("train digits --batch-size 2000", "digits has 1797 images, fewer than the 1 x 2000"),
        ("train digits --batch-size 100 --steps-per-epoch 18", "--steps-per-epoch is 18, but digits gives only 17."),
        ("train digits --devices 2 --precision float16", "float16 cannot be trained on 2 devices"),
        ("train digits --devices 2 --batch-size 5", "--batch-size 5 cannot be divided evenly between 2 devices."),
        ("train --config nothing.json", "nothing.json cannot be read: No such file or directory."),
        ("trian", "No such command 'trian'"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_any_work(kgan, command, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kgan(command).code == 2
    assert kgan.err.startswith(f"kgan: {sentence}") and kgan.err.count("\n") == 1 and kgan.out == ""
    assert list(tmp_path.iterdir()) == []


def test_folders_of_runs_are_new(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [run_folder.new_folder(data, None).as_posix() for data in ("digits", "digits", "tfds:a/b")]
    assert names == ["runs/digits-1", "runs/digits-2", "runs/tfds-a-b-1"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    with pytest.raises(ValueError, match="mine is not empty: another --out starts a new one."):
        run_folder.check_new("mine", "generator")
    (tmp_path / "mine" / "config.json").touch()
    with pytest.raises(ValueError, match="mine holds a run: --resume goes on with it"):
        run_folder.check_new("mine", "generator")
