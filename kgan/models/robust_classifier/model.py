"""`RobustClassifier`: a model that is trained on inputs attacked on the way."""

import functools
import types

import keras
from keras import ops

from kgan import backend
from kgan.attacks.ascent import Ascent, as_epsilon, noise_size
from kgan.backend import keras_internals
from kgan.models.robust_classifier import checks as attack_checks
from kgan.models.robust_classifier import loss_check
from kgan.models.robust_classifier.scores import Scores
from kgan.models.training import compiled_optimizers, minibatches
from kgan.models.training.one_at_a_time import exclusive
from kgan.models.training.trainer import Trainer
from kgan.models.training.turn import Turn
from kgan.scalars import as_share


@keras.saving.register_keras_serializable(package="kgan")
class RobustClassifier(Trainer):
    """Trains `model` on minibatches that are attacked with the weights of the moment, mixed with clean ones.

        minimise over the weights   c * L(model(x), y) + (1 - c) * max L(model(x'), y)   over x' around x

    L is the loss given to `compile`, c is `clean_share`, and an attack of a few steps stands for the maximum. The
    attack sees the model as it predicts (dropout off, batch norm with its moving averages); the update that follows
    runs it in training mode, on clean and on attacked inputs apart.

    `compile`, `fit`, `evaluate`, `predict` and `save` are Keras's. Logs of clean inputs have their usual names, those
    of attacked inputs begin with `adversarial_`: `loss`, `adversarial_loss`, `accuracy`, `adversarial_accuracy`.
    `evaluate` gives both, `fit` those of what it trains on. Data are an array of inputs within `bounds` and one of
    targets, or a batched `tf.data.Dataset` of `(inputs, targets)` or `(inputs, targets, sample_weight)`; the weights
    count in the losses, the attack does without. An incomplete last minibatch is left out of training.

    Sources: Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572, section 6 (`"fgsm"`, a clean share of a half);
    Madry et al. 2018, https://arxiv.org/abs/1706.06083, section 2 (`"pgd"`, no clean share).

    Args:
        model: built `keras.Model` with one input and one output, which learns in place.
        attack: `"fgsm"` or `"pgd"`.
        epsilon: how far an input may move, see `kgan.attacks.fgsm`.
        clean_share: weight of the loss of clean inputs, from 0 (attacked ones alone) to 1 (no attack in `fit`).
        norm: `"linf"` or `"l2"`, see `kgan.attacks.fgsm`.
        bounds: the range of the data, `(low, high)`; `(-np.inf, np.inf)` for data without one.
        steps: number of steps of `pgd`, 10 by default.
        step_size: length of a step of `pgd`, `2.5 * epsilon / steps` by default.
        random_start: whether `pgd` starts at a random point of the ball, which it does by default, or at x.
        seed: integer from which the random starts and the order of the data flow; `None` draws one.
        name: name of the model.

    Raises:
        ValueError: for arguments that do not fit.

    Examples:
        >>> robust = kgan.RobustClassifier(model, attack="pgd", epsilon=0.1, clean_share=0.0)
        >>> robust.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> robust.fit(images, labels, batch_size=64, epochs=5, validation_split=0.1)
        >>> model.predict(images)                                       # the same model, robust now
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        epsilon: float,
        attack: str = "fgsm",
        clean_share: float = 0.5,
        norm: str = "linf",
        bounds: tuple[float, float] = (0.0, 1.0),
        steps: int | None = None,
        step_size: float | None = None,
        random_start: bool | None = None,
        seed: int | None = None,
        name: str | None = None,
    ):
        super().__init__(seed=seed, name=name)
        attack_checks.model(model)
        own = {"steps": steps, "step_size": step_size, "random_start": random_start}
        self.ascent = Ascent.named(attack, **own, default_steps=10, norm=norm, bounds=bounds)
        self.model, self.attack, self.epsilon = model, attack, as_epsilon(epsilon)
        self.clean_share = as_share(clean_share, "clean_share")
        self._own = [name for name, value in own.items() if value is not None]
        self._clean = self._adversarial = self._compiled_with = None
        self.built = True

    @exclusive
    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        *,
        metrics=None,
        weighted_metrics=None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool = False,
    ):
        """Sets how the model learns. The arguments are those of `keras.Model.compile`.

        The attack climbs the same `loss`, and `metrics` are reported for clean and for attacked inputs. XLA
        (`jit_compile`) is off by default: it drops the check that stops a diverging run.

        Raises:
            ValueError: without a loss, and for float16 on several devices.
        """
        if loss is None:
            raise ValueError("compile needs a loss, such as 'sparse_categorical_crossentropy': training minimises it.")
        optimizer = keras.optimizers.get(optimizer)
        loss, metrics, weighted_metrics = loss_check.as_instances(loss, metrics, weighted_metrics)
        how = {"run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution, "jit_compile": jit_compile}
        with self.distribute_strategy.scope():
            if compiled_optimizers.computes_in_float16([self.model]):
                optimizer = compiled_optimizers.as_loss_scaled(optimizer, "model", self.num_devices)
            # Only a built optimizer is saved, restored and distributed.
            optimizer.build(self.trainable_variables)
            self._clean, self._adversarial = (Scores(p, loss, metrics, weighted_metrics) for p in ("", "adversarial_"))
            super().compile(optimizer=optimizer, loss=None, auto_scale_loss=False, **how)
        how.update(optimizer=optimizer, loss=loss, metrics=metrics, weighted_metrics=weighted_metrics)
        self._compiled_with = types.SimpleNamespace(**how)  # in a dict, Keras would find the metrics and list them

    # One step

    def perturb(self, x, y):
        """The attacked inputs that a training step would use now.

        Args:
            x: batch of inputs within `bounds`.
            y: targets, as the loss takes them.

        Returns:
            float32 tensor of the shape of `x`.
        """
        keras_internals.refuse_uncompiled(self, "perturb")
        x = ops.cast(x, "float32")

        def loss(points):
            # Whatever the model would assign, even in inference mode, is dropped with the scope.
            with keras.StatelessScope():
                outputs = self.model(points, training=False)
            return self.optimizer.scale_loss(self._adversarial.loss(y, outputs))

        def draw(rows):
            return keras.random.normal((rows, noise_size(x.shape)), seed=self.seed_generator)

        normals = backend.replica_slice(draw, ops.shape(x)[0]) if self.ascent.random_start else None
        attacked, _ = self.ascent(loss, x, ops.cast(self.epsilon, "float32"), normals)
        return ops.stop_gradient(attacked)

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        weights, states = {"training": self.trainable_variables}, {"training": self.variables}
        with Turn({"training": self.optimizer}, weights, states) as turn:
            parts = [(self._clean, self.clean_share, x)] if self.clean_share > 0 else []
            if self.clean_share < 1:
                parts.append((self._adversarial, 1 - self.clean_share, self.perturb(x, y)))

            def total_loss():
                total, results = 0.0, []
                for scores, share, inputs in parts:
                    loss, outputs = self._loss_and_outputs(scores, inputs, y, sample_weight, turn, training=True)
                    total += share * loss
                    results.append((scores, loss, outputs))
                return total, results

            total, results, gradients = turn.differentiate(total_loss)
        with turn.update("training", gradients["training"], total, data):
            return self.counted(self._log(results, y, sample_weight))

    def test_step(self, data):
        (x, y, sample_weight), results = keras.utils.unpack_x_y_sample_weight(data), []
        # Nothing moves, random states included: training goes on as if nothing had been evaluated.
        with keras.StatelessScope(collect_losses=True) as scope:
            for scores, inputs in ((self._clean, x), (self._adversarial, self.perturb(x, y))):
                found = self._loss_and_outputs(scores, inputs, y, sample_weight, scope, training=False)
                results.append((scores, *found))
        return self._log(results, y, sample_weight)

    def _loss_and_outputs(self, scores, inputs, y, sample_weight, scope, *, training: bool):
        """The loss as Keras defines it: that of the outputs, what layers add to it, and weight regularizers."""
        outputs = self.model(inputs, training=training)
        regularization = sum(v.regularizer(v) for v in self.trainable_variables if v.regularizer is not None)
        added = sum(ops.cast(loss, "float32") for loss in scope.losses)
        return scores.loss(y, outputs, sample_weight) + added + regularization, outputs

    def _log(self, results, y, sample_weight) -> dict:
        for scores, loss, outputs in results:
            scores.track(loss, y, outputs, sample_weight)
        # Of what was trained on: scores that saw nothing would say 0.
        return {name: value for scores, _, _ in results for name, value in scores.results().items()}

    @property
    def predicting_network(self):
        return self.model

    def call(self, inputs, training=False):
        return self.model(inputs, training=training)

    @property
    def metrics(self) -> list:
        return [*self._clean.metrics, *self._adversarial.metrics] if self.compiled else []

    # The data of `fit` and `evaluate`

    def prepare_data(self, data, use: str, *, batch_size=None, verbose=0, steps=None):
        row, target = attack_checks.data(data)
        with self.distribute_strategy.scope():
            loss_check.loss_fits(self._compiled_with.loss, self.model, row, self.ascent.bounds)
            outputs = self.model(row, training=False)
            for scores in (self._clean, self._adversarial):
                scores.build(target, outputs)
        kinds = {"bounds": self.ascent.bounds, "model": self.model, "target": target}
        return minibatches.checked(data, functools.partial(attack_checks.range_of_part, **kinds))

    # Saving

    def get_config(self) -> dict:
        """The arguments of the constructor, the model as its config, without weights."""
        model = keras.saving.serialize_keras_object(self.model)
        kept = {name: getattr(self, name) for name in ("epsilon", "attack", "clean_share", "seed", "name")}
        kept |= {name: getattr(self.ascent, name) for name in ("norm", *self._own)}
        return {"model": model, **kept, "bounds": list(self.ascent.bounds)}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """A new one, not compiled and with new weights, from what `get_config` returned."""
        model = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        return cls(**{**config, "model": model})

    def get_compile_config(self):
        return keras.saving.serialize_keras_object(vars(self._compiled_with)) if self.compiled else None

    def compile_from_config(self, config):
        """Calls `compile` with the saved arguments; Keras does so in `load_model`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
