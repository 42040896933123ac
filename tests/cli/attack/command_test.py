import csv
import json

import keras
import numpy as np
import pytest
import scipy.stats
from keras import layers
from PIL import Image

from kgan import attacks, datasets
from kgan.cli.attack import classifier as attack_model
from kgan.datasets import input_range
from kgan.models import RobustClassifier
from kgan_command import main

SOURCE = datasets.open_source("digits", labels=True)
X, Y = SOURCE.images, SOURCE.targets
ROWS = np.arange(40) * len(Y) // 40  # what --limit 40 takes


def network(*before, flat=False, units=10):
    keras.utils.set_random_seed(0)
    hidden = [keras.Input((64,) if flat else (8, 8, 1)), *before, layers.Flatten(), layers.Dense(32, "relu")]
    model = keras.Sequential([*hidden, layers.Dense(units, activation="softmax" if units > 1 else "sigmoid")])
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    return model


def trained():
    """A classifier of small digits of 0..1."""
    model = network()
    model.fit(X / 255, Y, batch_size=64, epochs=6, verbose=0)
    return model


def like(model, *before, flat=False, low=0.0):
    """The same classifier behind other layers, of flat rows, or of digits of `low`..1."""
    other, (kernel, bias, *rest) = network(*before, flat=flat), model.get_weights()
    # x = low + (1 - low) * x01, so that the first layer has to scale it back.
    other.set_weights([kernel / (1 - low), bias - low / (1 - low) * kernel.sum(0), *rest])
    return other


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Saved classifiers; `plain.keras` takes 0..1."""
    folder = tmp_path_factory.mktemp("classifiers")
    plain = trained()
    plain.save(folder / "plain.keras")
    like(plain, low=-1.0).save(folder / "minus.keras")
    like(plain, layers.RandomTranslation(0.05, 0.05), layers.Rescaling(1 / 255)).save(folder / "rescaling.keras")
    like(plain, flat=True).save(folder / "flat.keras")
    robust = RobustClassifier(like(plain, low=-1.0), epsilon=0.1, bounds=(-1, 1))
    robust.compile("adam", "sparse_categorical_crossentropy")
    robust.save(folder / "robust.keras")
    (folder / "broken.keras").write_bytes(b"PK and no more")
    (folder / "text.txt").write_text("no model")
    inputs = keras.Input((8, 8, 1))
    keras.Model(inputs, layers.Lambda(lambda x: x[:, 0, :, 0])(inputs)).save(folder / "lambda.keras")
    keras.Model(inputs, layers.Conv2D(1, 3)(inputs)).save(folder / "pictures.keras")
    keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)]).save(folder / "three.keras")
    keras.Sequential([keras.Input((30,)), layers.Dense(10)]).save(folder / "thirty.keras")
    return folder


def table(text):
    """The numbers of the rows of the table on the screen."""
    rows = [line.replace("%", "").replace(" to ", " ").split() for line in text.splitlines() if line.endswith(" % ")]
    return np.array([[float(value) for value in row] for row in rows])


def read_csv(path):
    with open(path, newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
def test_the_table_and_the_files_say_what_the_attack_does(kgan, files, tmp_path, monkeypatch):
    monkeypatch.chdir(files)
    out = tmp_path / "new" / "attacked"
    command = (
        f"attack plain.keras digits --limit 40 --epsilons 16/255,0.2 --attack pgd --steps 5 --seed 3 --out '{out}'"
    )
    assert kgan(command).code == 0, kgan.err
    model = keras.saving.load_model("plain.keras")
    expected = []
    for epsilon in (0, 16 / 255, 0.2):
        attacked = attacks.pgd(model, X[ROWS] / 255, Y[ROWS], epsilon, steps=5, seed=3)
        right = int((model.predict(attacked, verbose=0).argmax(axis=1) == Y[ROWS]).sum())
        interval = scipy.stats.binomtest(right, 40).proportion_ci(method="wilson")
        expected.append((epsilon, right, 40, right / 40, interval.low, interval.high))
    assert expected[0][1] > 34 > 20 > expected[2][1]
    printed = table(kgan.out)
    np.testing.assert_allclose(printed[:, :3], np.array(expected)[:, :3], rtol=1e-3)
    np.testing.assert_allclose(printed[:, 3:] / 100, np.array(expected)[:, 3:], atol=6e-4)
    np.testing.assert_allclose([list(row.values()) for row in read_csv(out / "accuracy.csv")], expected, atol=1e-6)
    assert "plain.keras: 10 classes, inputs of 8x8x1 in 0..1 (the default: see --range)" in kgan.out
    assert "digits: 40 images of 10 classes" in kgan.out and "pgd, linf: 5 steps" in kgan.out

    assert {path.name for path in out.iterdir()} == {"accuracy.csv", "accuracy.png", "examples.png", "config.json"}
    for name in ("accuracy.png", "examples.png"):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 400 and np.asarray(picture.convert("L")).std() > 3
    assert [path.name for path in out.parent.iterdir()] == ["attacked"]
    config = json.loads((out / "config.json").read_text())
    assert config["settings"] == {
        **{"model": str(files / "plain.keras"), "data": "digits", "attack": "pgd", "norm": "linf", "steps": 5},
        **{"seed": 3, "epsilons": [0, 16 / 255, 0.2], "range": "0..1", "limit": 40},
    }


def test_without_out_nothing_is_written(kgan, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kgan(f"attack {files}/plain.keras digits --limit 20 --norm l2").code == 0
    assert list(tmp_path.iterdir()) == [] and "With --out FOLDER" in kgan.out
    numbers = table(kgan.out)
    assert numbers[0, 0] == 0 and numbers[-1, 0] == pytest.approx(0.2 * 8) and np.all(np.diff(numbers[:, 1]) <= 0)


# The range


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "options", "said"),
    [
        ("plain", "", "0..1 (the default: see --range)"),
        ("minus", "--range -1..1", "-1..1 (--range)"),
        ("rescaling", "", "0..255 (as the model tells)"),
        ("robust", "", "-1..1 (as the model tells)"),
        ("flat", "--range 0..1", "0..1 (--range)"),
    ],
)
def test_epsilon_is_a_share_of_the_range_of_the_model(kgan, files, file, options, said):
    assert kgan(f"attack {files}/{file}.keras digits --limit 100 {options}").code == 0, kgan.err
    assert f" in {said}" in kgan.out and "seems to be" not in kgan.out
    numbers = table(kgan.out)
    width = {"0..255": 255, "-1..1": 2}.get(said.split()[0], 1)
    np.testing.assert_allclose(numbers[:, 0], width * np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3]), rtol=1e-2)
    assert numbers[0, 3] > 88 and numbers[-1, 3] < 20


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([], None),
        ([layers.Rescaling(1 / 255)], (0, 255)),
        ([layers.RandomFlip(), layers.Rescaling(1 / 127.5, -1)], (0, 255)),
        ([keras.Sequential([layers.Resizing(8, 8), layers.Rescaling(2, -1)])], (0, 1)),
        ([layers.Rescaling(0.5, 0.5)], (-1, 1)),
        ([layers.Rescaling(255)], None),
        ([layers.Conv2D(2, 3), layers.Rescaling(1 / 255)], None),
    ],
)
def test_the_range_that_a_first_rescaling_layer_tells(before, expected):
    model = keras.Sequential([keras.Input((8, 8, 1)), *before, layers.Flatten(), layers.Dense(3)])
    assert input_range.told_range(model) == expected


@pytest.mark.slow
def test_a_range_that_is_not_the_models_is_noticed(kgan, files):
    rows, model = np.arange(300) * len(Y) // 300, keras.saving.load_model(files / "minus.keras")
    here, there = (
        f"{np.mean(model.predict(images[rows], verbose=0).argmax(axis=1) == Y[rows]):.1%}"
        for images in (X / 255, X / 127.5 - 1)
    )
    for file, options in (("minus", ""), ("minus", "--range 0..1"), ("plain", "")):
        assert kgan(f"attack {files}/{file}.keras digits --limit 300 --epsilons 0.1 {options}").code == 0
        notes = [line for line in kgan.out.splitlines() if "seems to be what it was trained on" in line]
        expected = (
            f"In -1..1 the classifier gets {there} of the images right before any attack, in 0..1 only {here}: --range "
            "-1..1 seems to be what it was trained on."
        )
        assert notes == ([expected] if (file, options) == ("minus", "") else [])


@pytest.mark.slow
def test_epsilons_in_the_units_of_another_range_are_noticed(kgan, files):
    for epsilons, noticed in (("4/255,8/255", True), ("0,8", False)):
        assert kgan(f"attack {files}/rescaling.keras digits --limit 20 --epsilons {epsilons}").code == 0
        assert ("8/255 of the range are 8" in kgan.out.replace("\n", " ")) == noticed
    assert kgan(f"attack {files}/plain.keras digits --limit 20 --epsilons 8/255").code == 0
    assert "units of" not in kgan.out


# The data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Digits in RGB files, in folders whose alphabetical order is that of the classes; only eight of each in `test`."""
    root = tmp_path_factory.mktemp("folders") / "photos"
    for part, rows in (("train", np.arange(20)), ("test", np.arange(100, 200))):
        for label in range(10):
            (root / part / f"digit {label}").mkdir(parents=True)
        for row in rows:
            picture = Image.fromarray(X[row, :, :, 0]).convert("RGB")
            picture.save(root / part / f"digit {Y[row]}" / f"{row:03d}.png")
    (root / "test" / "digit 3" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (root / "test" / "digit 3" / "phone.heic").write_bytes(b"no image that kgan reads")
    return root


@pytest.mark.slow
def test_a_folder_of_class_folders_and_its_test_part(kgan, files, folder):
    assert kgan(f"attack {files}/plain.keras '{folder}' --epsilons 0.1").code == 0, kgan.err
    assert f"{folder}: 100 images of 10 classes, of the test split" in kgan.out
    assert "1 broken file was skipped" in kgan.out and "1 .heic file" in kgan.out
    model = keras.saving.load_model(files / "plain.keras")
    right = (model.predict(X[100:200] / 255, verbose=0).argmax(axis=1) == Y[100:200]).sum()
    assert table(kgan.out)[0, 1] == right


@pytest.mark.slow
def test_a_run_of_kgan_transfer_is_attacked_on_what_it_held_out(kgan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in (0, 1, 7):
        (tmp_path / "photos" / f"digit {label}").mkdir(parents=True)
        for row in np.flatnonzero(Y == label)[:20]:
            Image.fromarray(X[row, :, :, 0]).save(tmp_path / "photos" / f"digit {label}" / f"{row:04d}.png")
    small = "--weights none --cut block2_pool --image-size 32 --lr 0.03 --epochs 40"
    assert main(f"transfer photos {small} --out run".split()) == 0
    assert kgan("attack run photos --epsilons 8").code == 0, kgan.err
    assert "run/model.keras: 3 classes, inputs of 32x32x3 in 0..255 (as the model tells)" in kgan.out
    assert "photos: 12 images of 3 classes, held out when the model was trained" in kgan.out
    with open("run/predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    right = sum(row["true"] == row["predicted"] for row in rows)
    numbers = table(kgan.out)
    assert numbers[0, 1:3].tolist() == [right, 12] and numbers[1, 1] < right

    # A class keeps its number where others are missing.
    (tmp_path / "some").mkdir()
    (tmp_path / "photos" / "digit 7").rename(tmp_path / "some" / "digit 7")
    assert kgan("attack run some --epsilons 0").code == 0
    assert "some: 20 images of 1 class," in kgan.out and "hardly better" not in kgan.out
    paths = sorted((tmp_path / "some" / "digit 7").iterdir())
    pictures = [Image.open(path).convert("RGB").resize((32, 32), Image.Resampling.LANCZOS) for path in paths]
    predicted = keras.saving.load_model("run/model.keras").predict(np.stack(pictures), verbose=0).argmax(axis=1)
    assert table(kgan.out)[0, 1] == np.sum(predicted == 2) > 10
    (tmp_path / "some" / "digit 7").rename(tmp_path / "some" / "seven")
    assert kgan("attack run some").code == 2
    assert kgan.err == "kgan: some has the class 'seven', which run/model.keras has not learned.\n"


# What is refused


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("nowhere digits", "there is no nowhere: give a .keras file, or the folder of a kgan transfer run."),
        ("text.txt digits", "text.txt is no .keras file: write one with model.save('model.keras')."),
        (". digits", ". holds no model.keras: give a .keras file, or the folder of a kgan transfer run."),
        ("broken.keras digits", "broken.keras cannot be loaded: "),
        ("lambda.keras digits", "lambda.keras holds Python code of its own, such as a Lambda layer, which is not run"),
        ("pictures.keras digits", "pictures.keras is no classifier of images: it takes a model with one input"),
        ("three.keras digits", "digits has 10 classes, but three.keras tells 3 apart"),
        ("thirty.keras digits", "the model takes 30 numbers, but the images of digits have 8x8x1 = 64"),
        ("plain.keras dgits", "There is no data set or path 'dgits' (did you mean digits?)"),
        ("plain.keras digits --epsilons 0.1,x", "--epsilons must be numbers from 0 up with commas between them"),
        ("plain.keras digits --epsilons -0.1", "--epsilons must be numbers from 0 up"),
        ("plain.keras digits --epsilons 1/0", "--epsilons must be numbers from 0 up"),
        ("plain.keras digits --epsilons inf", "--epsilons must be numbers from 0 up"),
        (
            "plain.keras digits --epsilons 8",
            "epsilon 8 is more than from black to white in the range 0..1 of the model",
        ),
        ("plain.keras digits --attack cw", "unknown --attack 'cw': use one of fgsm, pgd."),
        ("plain.keras digits --steps 3", "--steps belong to --attack pgd, and fgsm is a single step: leave them out."),
        ("plain.keras digits --attack pgd --steps 0", "--steps must be a whole number of at least 1, not 0."),
        ("plain.keras digits --norm l1", "unknown --norm 'l1': use one of linf, l2."),
        (
            "plain.keras digits --range 1..0",
            "--range must be like 0..1, -1..1 or 0..255, from black to white, not '1..0'",
        ),
        ("plain.keras digits --range 0..inf", "--range must be like 0..1"),
        ("plain.keras digits --limit 0", "--limit must be a whole number of at least 1, not 0."),
        ("plain.keras digits --batch-size 0", "--batch-size must be a whole number of at least 1, not 0."),
        ("plain.keras digits --out .", ". is not empty: choose another --out."),
        ("plain.keras digits --out text.txt/new", "text.txt/new cannot be written: "),
        ("plain.keras", "Missing argument 'DATA'"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_any_work(kgan, files, monkeypatch, command, sentence):
    monkeypatch.chdir(files)
    before = sorted(path.name for path in files.iterdir())
    assert kgan(f"attack {command}").code == 2
    assert kgan.err.startswith(f"kgan: {sentence}") and kgan.err.count("\n") == 1 and kgan.out == ""
    assert sorted(path.name for path in files.iterdir()) == before


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "Stopped: nothing was written."),
        (MemoryError(), 2, "kgan: out of memory: use a smaller --batch-size or --limit."),
        (OSError(28, "No space left on device"), 2, "kgan: No space left on device."),
    ],
)
def test_what_stops_on_the_way_leaves_nothing_half_written(kgan, files, tmp_path, monkeypatch, error, code, sentence):
    def stop(*args, **kwargs):
        raise error

    monkeypatch.setattr("kgan.cli.attack.examples.draw", stop)
    assert kgan(f"attack {files}/plain.keras digits --limit 20 --epsilons 0.1 --out {tmp_path}/out").code == code
    assert kgan.err == f"{sentence}\n" and list(tmp_path.iterdir()) == []


def test_an_attack_that_cannot_climb_says_so(kgan, files):
    model = keras.saving.load_model(files / "plain.keras")
    last = model.layers[-1]
    last.set_weights([3000 * weight for weight in last.get_weights()])
    keras.Sequential([model, layers.Reshape((10,))]).save(files / "saturated.keras")
    assert kgan(f"attack {files}/saturated.keras digits --limit 50 --epsilons 0.1").code == 0
    (note,) = [line for line in kgan.out.splitlines() if "has no gradient" in line]
    assert note.startswith("The loss of ") and "Warning" not in kgan.err


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        *[("data", "class_names", value) for value in (None, "abc", ["a", "b"], ["a", "b", 3])],
        *[("settings", "held_out", value) for value in (None, "0.2", 2, float("nan"))],
        *[("settings", "limit", value) for value in (0, "all")],
        *[("settings", "seed", value) for value in (None, -1)],
        ("settings", "folder", 7),
    ],
)
def test_a_damaged_record_of_a_transfer_run_is_named(tmp_path, section, name, value):
    keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]).save(
        tmp_path / "model.keras"
    )
    config = {
        "settings": {"folder": "photos", "limit": None, "held_out": 0.2, "seed": 0},
        "data": {"class_names": ["a", "b", "c\n"]},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert attack_model.load(tmp_path).class_names == ["a", "b", r"c\n"]
    config[section][name] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="config.json is damaged or belongs to another model: it must hold folder"):
        attack_model.load(tmp_path)
