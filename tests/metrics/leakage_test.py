import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from kgan.metrics import leakage

RNG = np.random.default_rng(0)
N = 1200
NOISE = RNG.normal(size=(N, 4))
SEX = np.where(RNG.random(N) < 0.4, "f", "m")
RACE = RNG.choice(["a", "b", "c"], p=[0.9, 0.06, 0.04], size=N)
AGE = RNG.normal(size=N) * 10 + 40


def _by_probe(features, sensitive, **options):
    return {found.probe: found for found in leakage(features, sensitive, **options)}


@pytest.mark.slow
def test_noise_tells_nothing():
    # The chance that one of 95 % intervals misses is large; twice their reach is not.
    for found in leakage(NOISE, {"sex": SEX, "race": RACE, "age": AGE}):
        if found.kind == "continuous":
            assert found.r2.value < 0.02 and found.accuracy is None and found.auc is None
        else:
            assert abs(found.auc.value - 0.5) < found.auc.high - found.auc.low
            assert found.accuracy.value < found.majority + 0.03 and found.r2 is None
            assert found.majority == pytest.approx(0.6 if found.column == "sex" else 0.9, abs=0.04)
        assert found.rows == pytest.approx(N / 2, abs=2)


def test_a_planted_linear_leak_is_found_by_both_probes():
    leaking = NOISE + 1.0 * (SEX == "f")[:, None]
    for found in leakage(leaking, SEX):
        # Two normals with the same covariance, 2 apart: AUC is Phi(2 / sqrt 2) = 0.921.
        assert 0.88 < found.auc.value < 0.95 and found.auc.low > 0.85
        assert found.accuracy.low > found.majority


def test_a_leak_that_is_not_linear_is_found_by_trees_alone():
    found = _by_probe(NOISE, NOISE[:, 0] * NOISE[:, 1] > 0)
    assert 0.4 < found["linear"].auc.value < 0.6
    assert found["trees"].auc.low > 0.95 and found["trees"].accuracy.low > 0.9
    found = _by_probe(NOISE, NOISE[:, 0] * NOISE[:, 1])
    assert found["linear"].r2.value < 0.1 < 0.6 < found["trees"].r2.low


def test_a_leak_of_a_rare_group_shows_in_the_auc_beside_the_accuracy():
    rare = np.arange(N) % 25 == 0
    for found in leakage(NOISE + 1.0 * rare[:, None], rare):
        assert found.accuracy.value < found.majority + 0.02
        assert found.auc.low > 0.7


def test_a_continuous_leak_has_the_r2_of_its_noise():
    leaking = AGE[:, None] / 10 + 0.5 * NOISE[:, :1]  # variances 1 and 0.25: R2 = 1 / 1.25
    found = _by_probe(leaking, {"age": AGE})
    assert found["linear"].r2.low < 0.8 < found["linear"].r2.high
    assert found["trees"].r2.value == pytest.approx(0.8, abs=0.07)


def test_of_real_measurements_probes_read_the_diagnosis_as_well_as_is_known():
    x, y = load_breast_cancer(return_X_y=True)
    for found in leakage(x, y):
        assert found.accuracy.value > 0.93 and found.auc.value > 0.97


@pytest.mark.slow
def test_names_shapes_and_units_do_not_matter():
    expected = leakage(NOISE + (RACE == "b")[:, None], {"race": RACE})
    names = {"a": 7, "b": 3, "c": 5}
    renamed = leakage(NOISE + (RACE == "b")[:, None], {"race": np.array([names[r] for r in RACE])})
    shaped = leakage((NOISE + (RACE == "b")[:, None]).reshape(N, 2, 2), {"race": RACE})
    for one, other in ((expected, renamed), (expected, shaped)):
        assert [(a.accuracy, a.auc, a.majority) for a in one] == [(b.accuracy, b.auc, b.majority) for b in other]
    scaled = leakage((NOISE + (RACE == "b")[:, None]) * [1e-6, 1, 1e6, 5] + 3, {"race": RACE})
    for one, other in zip(expected, scaled, strict=True):
        assert one.auc.value == pytest.approx(other.auc.value, abs=0.01)


@pytest.mark.slow
def test_the_seed_decides():
    assert leakage(NOISE, SEX, seed=1) == leakage(NOISE, SEX, seed=1)
    assert leakage(NOISE, SEX, seed=1)[0].auc != leakage(NOISE, SEX, seed=2)[0].auc


def test_a_representation_that_has_collapsed_tells_nothing():
    for found in leakage(np.full((N, 3), 0.1), {"sex": SEX, "age": AGE}):
        if found.kind == "binary":
            assert found.auc.value == 0.5 and found.accuracy.value == found.majority
        else:
            assert found.r2.value == pytest.approx(0, abs=0.02)


def test_results_say_what_they_are():
    linear, trees = leakage(NOISE[:, 0], {"sex": SEX}, name="prediction")
    assert (linear.name, linear.column, linear.kind, linear.probe) == ("prediction", "sex", "binary", "linear")
    assert trees.probe == "trees"
    assert str(linear) == (
        f"sex from prediction, linear probe: AUC {linear.auc}, 0.5 if nothing leaks; accuracy {linear.accuracy}, "
        f"without looking {linear.majority:.3f}"
    )
    assert "R2" in str(leakage(NOISE, AGE)[0])


@pytest.mark.parametrize(
    "features, sensitive, message",
    [
        (NOISE * np.nan, SEX, "features must be finite"),
        (NOISE[:-1], SEX, "'sensitive' has 1200 rows, but the other data has 1199"),
        (NOISE[:19], SEX[:19], "features has 19 rows, but leakage needs at least 20"),
        (NOISE, np.full(N, "f"), "'sensitive' has the value 'f' in every row"),
        (NOISE, np.r_[["q"] * 3, SEX[3:]], "has only 3 rows of 'q', but leakage needs at least 4"),
        (NOISE, np.r_[AGE[:9], np.zeros(N - 9)], "same value in all rows but 9"),
        (NOISE, np.where(SEX == "f", np.nan, AGE), "'sensitive' has .* missing"),
        (NOISE[:, :0], SEX, "features must be of shape"),
        (SEX, SEX, "features must be an array of real numbers"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(features, sensitive, message):
    with pytest.raises(ValueError, match=message):
        leakage(features, sensitive)


def test_the_fewest_rows_that_are_allowed_are_enough():
    few = np.r_[["a"] * 4, ["b"] * 16]
    for seed in range(8):
        # Both halves have 2 rows of "a" and 8 of "b".
        assert [(found.rows, found.majority) for found in leakage(NOISE[:20], few, seed=seed)] == [(10, 0.8)] * 2
    for found in leakage(NOISE[:40], np.r_[AGE[:10], np.zeros(30)]):
        assert np.isfinite([found.r2.value, found.r2.low, found.r2.high]).all()


@pytest.mark.parametrize("members", [4, 10, 38])
def test_the_trees_find_what_is_true_of_few_rows_only(members):
    feature = np.r_[np.zeros(960), np.ones(members)]
    linear, trees = leakage(feature, feature.astype(int))
    assert linear.auc.value == trees.auc.value == 1
