"""The two players of `FairClassifier`: how they learn, their losses, and the gradients along which they step."""

import functools

import keras
import numpy as np
from keras import ops, tree

from kgan.attacks import class_scores
from kgan.models.fair_classifier import defaults
from kgan.models.fair_classifier.answers import Answers
from kgan.models.game import Game
from kgan.models.training import finite


def as_logits(outputs):
    """What stands before the last softmax or sigmoid of a network, if it has one, and otherwise its outputs.

    In float32 whatever the dtype policy of the user's own networks: losses need the precision.
    """
    behind = class_scores.logits_behind(outputs)
    return ops.cast(outputs if behind is None else behind, "float32")


class ClassifierAndAdversary(Game):
    """A game of a classifier, `encoder` and `predictor`, against an `adversary`, which may be absent.

    A subclass makes the networks and has the attributes `alpha`, `objective`, `on`, `equalised_odds` and
    `warmup_steps` of `FairClassifier`, and the `Encoding` of its labels as `_encoding`.
    """

    def compile(self, optimizer="adam", adversary_optimizer=None, adversary_steps: int | None = None, **keras_kwargs):
        """Sets how the two players learn.

        The adversary has to be the quicker one: what it cannot follow is not hidden, and a classifier that runs ahead
        of a slow adversary may differ between groups more than one that hides nothing. Give it 1,000 rounds at least
        (3,000 on representations), be the table ever so small. A classifier whose learning rate falls to 0 in the end,
        by `keras.optimizers.schedules.CosineDecay` over all rounds, stops closest to where nothing is told.

        Args:
            optimizer: Keras optimizer of the classifier: instance, name or config.
            adversary_optimizer: the same for the adversary; `None` is `keras.optimizers.Adam(5e-3)`.
            adversary_steps: updates of the adversary per round, each on a fresh minibatch, before that of the
                classifier. More than one give a better adversary, and the classifier less data per epoch. `None` is 3
                on representations, where there is more to read, and 1 on predictions and where both step together.
            **keras_kwargs: see `Game.compile`.

        Raises:
            ValueError: if `objective="reversal"`, where both step together, is to take more steps of one; and as in
                `Game.compile`.
        """
        adversary_steps = defaults.adversary_steps(adversary_steps, self)
        if self.objective.together and adversary_steps != 1:
            name = type(self.objective).__name__
            instead = ", or use 'negative', the same loss in turns" if name == "Reversal" else ""
            raise ValueError(f"{name} moves both players in one pass: leave out adversary_steps{instead}.")
        if adversary_optimizer is None:
            adversary_optimizer = keras.optimizers.Adam(defaults.ADVERSARY_RATE)
        if not self.players:  # it depends on the first data who plays
            super().compile({"classifier": optimizer, "adversary": adversary_optimizer}, **keras_kwargs)
            self._adversary_optimizer, self._adversary_steps = adversary_optimizer, adversary_steps
            self._compile_later = functools.partial(
                ClassifierAndAdversary.compile, self, *self.optimizers.values(), adversary_steps, **keras_kwargs
            )
            return
        optimizers, steps = {"classifier": optimizer}, {}
        if self.adversary is not None:
            optimizers["adversary"], steps = adversary_optimizer, {"adversary": adversary_steps}
        super().compile(optimizers, steps, simultaneous=self.objective.together, **keras_kwargs)
        self._adversary_optimizer, self._adversary_steps = adversary_optimizer, adversary_steps

    def compile_arguments(self) -> dict:
        return {
            "optimizer": self.optimizers["classifier"],
            "adversary_optimizer": self.optimizers.get("adversary", self._adversary_optimizer),
            "adversary_steps": self._adversary_steps,
            **self._keras_kwargs,
        }

    def player_loss(self, player, data):
        x, labels = data
        if player == "adversary":
            _, seen = self._run(x, predict=self.on == "prediction")
            return self._answers(seen, labels).loss_and_logs
        target_loss, opposing, logs = self._classifier_losses(x, labels)
        return target_loss + self._current_alpha() * opposing, logs

    def _classifier_losses(self, x, labels):
        """L_t, what is added to it with the weight alpha, and what to log."""
        logits, seen = self._run(x)
        target_loss, logs = self._target_loss(logits, labels)
        if self.adversary is None:
            return target_loss, 0.0, logs
        opposing = self.objective.opposing_loss(self._answers(seen, labels))
        if getattr(opposing, "shape", None) != ():
            raise finite.LossError(
                f"opposing_loss of {type(self.objective).__name__} must return a scalar tensor, the mean over the "
                f"minibatch, but returned {opposing!r}."
            )
        return target_loss, opposing, logs

    def _run(self, x, predict: bool = True):
        """The logits, unless they are not wanted, and what the adversary sees."""
        representation = self.encoder(x, training=self.training)
        if not predict:
            return None, representation
        logits = as_logits(self.predictor(representation, training=self.training))
        if self.on == "representation":
            return logits, representation
        # Without what all logits share, which the probabilities do not show.
        return logits, logits - ops.mean(logits, axis=1, keepdims=True)

    def _target_loss(self, logits, labels):
        target = labels["target"]
        loss = ops.mean(ops.sparse_categorical_crossentropy(target, logits, from_logits=True))
        right = ops.cast(ops.argmax(logits, axis=1), target.dtype) == target
        logs = {"target_loss": loss, "accuracy": ops.mean(ops.cast(right, "float32"))}
        if self.warmup_steps:
            logs["alpha"] = self._current_alpha()
        return loss, logs

    def _answers(self, seen, labels) -> Answers:
        prior = ops.take(ops.convert_to_tensor(self._encoding.prior, "float32"), labels["target"], axis=0)
        return Answers(self._encoding.columns, self._adversary_outputs(seen, labels), labels["sensitive"], prior)

    def _adversary_outputs(self, seen, labels):
        if self.equalised_odds:
            seen = [seen, ops.one_hot(labels["target"], len(self._encoding.classes))]
        return as_logits(self.adversary(seen, training=self.training))

    def _seen_and_told(self, x, labels, rows_at_once: int = 256):
        """What the adversary sees of the arrays `(x, labels)`, and what it makes of that, without training."""
        self.training = False
        found = []
        for start in range(0, len(labels["target"]), rows_at_once):
            some, of = tree.map_structure(lambda part: part[start : start + rows_at_once], (x, labels))  # noqa: B023
            _, seen = self._run(some, predict=self.on == "prediction")
            found.append(
                [ops.convert_to_numpy(ops.cast(t, "float32")) for t in (seen, self._adversary_outputs(seen, of))]
            )
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def _current_alpha(self):
        if not self.warmup_steps:
            return self.alpha
        rounds = ops.cast(self.optimizers["classifier"].iterations, "float32")
        return self.alpha * ops.minimum(rounds / self.warmup_steps, 1.0)

    def gradients(self, player, data):
        plain = self.objective.combined is None or not self.alpha or self.adversary is None
        if player != "classifier" or plain:
            return super().gradients(player, data)

        def losses():
            target_loss, opposing, logs = self._classifier_losses(*data)
            loss = target_loss + self._current_alpha() * opposing  # for the logs: no loss has this gradient
            return [target_loss, opposing], {self.loss_name(player): loss, **logs}

        gradients, logs = self.differentiate(player, losses)
        combined = self.objective.combined(*gradients, self._current_alpha())
        if not isinstance(combined, list | tuple) or len(combined) != len(gradients[0]):
            raise finite.LossError(
                f"combined of {type(self.objective).__name__} must return a list of {len(gradients[0])} gradients, one "
                "for each that it got."
            )
        return list(combined), logs

    def gradients_together(self, data):
        """Both players' gradients by one pass through all networks, of the sum of both losses."""
        if self.adversary is None:
            return None
        x, labels = data

        def total_loss():
            logits, seen = self._run(x)
            target_loss, logs = self._target_loss(logits, labels)
            seen = self.objective.shown(seen, self._current_alpha())
            adversary_loss, adversary_logs = self._answers(seen, labels).loss_and_logs
            classifier_loss = target_loss - self._current_alpha() * adversary_loss
            logs = {self.loss_name("classifier"): classifier_loss, **logs}
            return target_loss + adversary_loss, (logs, {self.loss_name("adversary"): adversary_loss, **adversary_logs})

        gradients, logs = self.differentiate(["classifier", "adversary"], total_loss)
        return {player: (gradients[player], of) for player, of in zip(("classifier", "adversary"), logs, strict=True)}
