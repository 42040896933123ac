"""What answers at once needs neither TensorFlow nor Keras."""

import inspect
import os
import pathlib
import subprocess
import sys

import pytest

import kgan
from kgan.attacks import ascent
from kgan.cli.train import recipe
from kgan.losses import adversarial, penalties
from kgan.models.gan import recipe as gan_recipe
from kgan.networks import dcgan
from kgan_command import version
from kgan_command.settings import attack, train

ROOT = pathlib.Path(__file__).parents[2]
PROGRAM = """
import sys
from kgan_command import main
try:
    code = main()
except SystemExit as end:
    code = end.code
slow = sorted({"kgan", "keras", "tensorflow", "numpy"} & set(sys.modules))
print("code", code, "imported", *slow)
"""


def answer(*arguments, **environment):
    """What the command says, without what this test adds; it must have imported nothing that takes long."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})
    *lines, last = done.stdout.splitlines()
    assert last.endswith(" imported"), last
    out = "\n".join([*lines, last[: last.rindex("code ")]])  # what completes a word ends without a new line
    return last.split()[-2], out.strip(), done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("--help", "0", "transfer learning"),
        ("", "2", "transfer learning"),
        ("train --help", "0", "--batch-size"),
        ("transfer --help", "0", "--fine-tune"),
        ("attack -h", "0", "--epsilons"),
        ("--version", "0", f"kgan {kgan.__version__}"),
        ("--show-completion bash", "0", "_KGAN_COMPLETE"),
    ],
)
def test_help_and_version(arguments, code, said):
    found, out, error = answer(*arguments.split(), TERM="dumb", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (found, error) == (code, "") and said in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("train --bach-size 3", "No such option: --bach-size"),
        ("trian", "No such command 'trian'"),
        ("train --epochs three", "Invalid value for '--epochs'"),
        ("train --loss hing", "unknown --loss 'hing': did you mean hinge?"),
        ("train --resume run --out other", "--resume goes on with a run as it is: leave out --out and --config."),
        ("train --config nothing.json", "nothing.json cannot be read: No such file or directory."),
        ("transfer photos --weights my.h5", "--weights must be imagenet, none or a .weights.h5 or .h5 file, but"),
        ("transfer", "Missing argument 'FOLDER'."),
        ("attack model.keras digits --attack cw", "unknown --attack 'cw': use one of fgsm, pgd."),
        ("sample run --interpolate 3", "--interpolate takes two seeds, such as 0,1, not '3'."),
        ("export run --format onx", "unknown --format 'onx': did you mean onnx?"),
        ("datasets \x1b[2J", r"Got unexpected extra argument(s) (\x1b[2J)"),
    ],
)
def test_what_the_arguments_alone_tell_is_refused(arguments, sentence):
    code, out, error = answer(*arguments.split())
    assert (code, out) == ("2", "")
    assert error.startswith(f"kgan: {sentence}") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "completed"),
    [("kgan tra", {"train", "transfer"}), ("kgan train --pen", {"--penalties"}), ("kgan train --loss hi", {"hinge"})],
)
def test_completion(words, completed):
    variables = {"_KGAN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code, out, _ = answer(**variables)
    assert code == "0" and set(out.split()) == completed


def test_names_and_defaults_are_those_of_kgan():
    assert train.LOSSES == tuple(adversarial.ALL)
    assert train.PENALTIES == tuple(penalties.ALL)
    assert train.NORMALIZATIONS == dcgan.NORMALIZATIONS
    assert train.DISCRIMINATOR_NORMALIZATIONS == dcgan.DISCRIMINATOR_NORMALIZATIONS
    assert set(train.PRECISIONS) == {"auto", *recipe.POLICIES}
    assert (attack.ATTACKS, attack.NORMS) == (ascent.ATTACKS, ascent.NORMS)
    assert kgan.__version__ == version.__version__


def test_the_defaults_of_train_are_the_recipe_of_for_images():
    names = {"width": "filters", "ema": "ema_momentum"}
    names |= {name: name for name in ("latent_dim", "generator_normalization", "discriminator_normalization", "loss")}
    arguments, settings = inspect.signature(kgan.GAN.for_images).parameters, train.TrainSettings()
    assert {name: getattr(settings, name) for name in names} == {n: arguments[a].default for n, a in names.items()}
    rates = settings.generator_lr, settings.discriminator_lr
    assert rates == 2 * (gan_recipe.LEARNING_RATE,) and settings.beta_1 == gan_recipe.BETA_1
