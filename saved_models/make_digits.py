"""Makes `saved_models/digits`: the default run of `kgan train`, exported, with the record of how it was made.

python saved_models/make_digits.py            # about three minutes on two cores
kgan sample saved_models/digits --out grid.png
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

import kgan
from kgan.metrics import frechet_distance
from kgan_command import main as command


def make(out: Path, arguments: list[str]):
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        for line in (
            ["train", "--out", str(run), *arguments],
            ["export", str(run), "--out", str(out)],
        ):
            (out / "record.json").unlink(missing_ok=True)  # an export replaces nothing but exports
            if code := command(line):
                raise SystemExit(code)
        config = json.loads((run / "config.json").read_text())
        seconds = float((run / "history.csv").read_text().splitlines()[-1].split(",")[-1])
    generator = tf.saved_model.load(out)
    samples = generator.sample(1000, 0).numpy().reshape(1000, -1)
    real = np.stack(list(kgan.datasets.load("mnist5k").as_numpy_iterator())).reshape(5000, -1)
    record = {
        "what": "generator of 28 x 28 digits with classes, trained by saved_models/make_digits.py",
        "run": config,
        "training_seconds": round(seconds),
        "pixel_frechet_distance": round(frechet_distance(real / 255.0, samples / 255.0), 2),
        "pixel_frechet_distance_is": "on raw pixels in 0..1, 5,000 real digits against 1,000 samples of seed 0",
    }
    (out / "record.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "digits")
    known, others = parser.parse_known_args()
    make(known.out, others)
