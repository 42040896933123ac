"""Parameter groups: an optimizer and a learning rate of its own for each part of an ordinary model, in one `fit`."""

import keras
from keras import ops

from kgan.backend import keras_internals


def per_group(groups: dict, default=None) -> "PerGroup":
    """An optimizer for `compile` that gives each group of layers an optimizer of its own.

        theta_g <- theta_g - eta_g * step_g(grad_theta_g L(theta))      for every group g, all at the same point

    Everything else is Keras: losses, metrics, class weights, callbacks, saving and loading with the states of all
    optimizers, freezing, `mixed_float16`, `tf.distribute`. One backward pass serves all groups.

    When the groups share one loss, take this. When they have different losses, or different numbers of steps, take
    `kgan.Game`.

    Callbacks that change learning rates change that of each group: `ReduceLROnPlateau` multiplies them all, and
    `LearningRateScheduler` asks its function for each, so a function of the rate, `lambda epoch, rate: 0.9 * rate`,
    keeps their ratio, and a function of the epoch alone makes them equal. What is logged is
    `learning_rate_<optimizer.name>`. A `keras.optimizers.schedules` schedule in one optimizer works for its group
    alone. `global_clipnorm` clips the norm over a group.

    Args:
        groups: dict of a built layer or model, or a tuple of them, to an optimizer (instance, name or config, as
            `keras.optimizers.get` takes it). No
            weight may be in two groups.
        default: optimizer of the weights that are in no group. `None`: there may be none.

    Returns:
        A `keras.optimizers.Optimizer`; its list `optimizers` holds those of the groups, in their order, then `default`.

    Raises:
        ValueError: for layers that are not built, a weight in two groups, an optimizer that serves two groups; and, as
            soon as training starts, for weights of the model that are in no group, and groups that are not in the
            model.

    Examples:
        A slow base and a fast head:

        >>> model = keras.Sequential([base, head])
        >>> optimizer = kgan.optimizers.per_group({base: keras.optimizers.SGD(1e-4), head: "adam"})
        >>> model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> model.fit(x, y, epochs=10)

        Learning rates that fall from layer to layer, from the output to the input
        (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146, section 3.2):

        >>> layers = [layer for layer in model.layers if layer.weights]
        >>> rates = {layer: keras.optimizers.Adam(1e-3 / 2.6**depth) for depth, layer in enumerate(reversed(layers))}
        >>> model.compile(kgan.optimizers.per_group(rates), "sparse_categorical_crossentropy")
    """
    if not isinstance(groups, dict) or not groups:
        raise ValueError(f"groups must be a dict of layers, or tuples of layers, to optimizers, got {groups!r}.")
    members = [_weights(of) for of in groups]
    owner = {}
    for index, weights in enumerate(members):
        for weight in weights:
            if owner.setdefault(id(weight), index) != index:
                raise ValueError(f"the weight {weight.path!r} is in two groups: leave its layer out of one of them.")
    optimizers = _as_optimizers([*groups.values(), *([] if default is None else [default])])

    def assign(variables):
        known = {id(variable) for variable in variables}
        lost = [w.path for weights in members for w in weights if w.trainable and id(w) not in known]
        if lost:
            raise ValueError(
                f"the groups hold {_some(lost)}, which are no trainable weights of this model: give layers of the "
                "model that is trained."
            )
        left = [variable.path for variable in variables if id(variable) not in owner]
        if left and default is None:
            raise ValueError(f"{_some(left)} are in no group: add their layers, or give a default optimizer.")
        return [owner.get(id(variable), len(members)) for variable in variables]

    return PerGroup(optimizers, assign)


@keras.saving.register_keras_serializable(package="kgan")
class PerGroup(keras.optimizers.Optimizer):
    """What `per_group` returns, which says what it does.

    Keras's own `MultiOptimizer` finds a weight's optimizer by a pattern for its path. Paths are not unique, and a model
    that is loaded has other paths than the model that was saved. Here what counts is the weight itself and, in a file,
    its position among the trainable weights, as for the state of every Keras optimizer.

    Args:
        optimizers: list of optimizers.
        groups: for each trainable weight of the model, in their order, the position of its optimizer in `optimizers`;
            or a function that is given the weights and returns this list.
        name: name of the optimizer.
    """

    def __init__(self, optimizers: list, groups, name: str | None = None):
        super().__init__(learning_rate=0.0, name=name)  # Keras asks for a rate; only those of the groups are used
        self.optimizers = list(optimizers)
        self._groups = groups

    def build(self, variables):
        if self.built:
            return
        groups = self._groups(variables) if callable(self._groups) else self._groups
        if len(groups) != len(variables):
            raise ValueError(
                f"this optimizer was saved for {len(groups)} trainable weights and the model has {len(variables)}: "
                "load it with compile=False, and compile it again."
            )
        for index, optimizer in enumerate(self.optimizers):
            own = [variable for variable, group in zip(variables, groups, strict=True) if group == index]
            if own:
                optimizer.build(own)
        self._groups = list(groups)
        super().build(variables)

    def apply(self, grads, trainable_variables=None):
        if trainable_variables is None:
            trainable_variables = keras_internals.served_variables(self)
        elif not self.built:
            self.build(list(trainable_variables))
        positions = keras_internals.positions_of(self, trainable_variables)
        split = [[] for _ in self.optimizers]
        for gradient, variable, position in zip(grads, trainable_variables, positions, strict=True):
            split[self._groups[position]].append((gradient, variable))
        for optimizer, own in zip(self.optimizers, split, strict=True):
            if own:  # the weights of a group may all have been frozen
                optimizer.apply(*map(list, zip(*own, strict=True)))
        self.iterations.assign_add(1)

    def finalize_variable_values(self, var_list):
        for optimizer in self.optimizers:
            if optimizer.built:  # averages, where an optimizer keeps them, are stored in the order it was built with
                optimizer.finalize_variable_values(keras_internals.served_variables(optimizer))

    @property
    def learning_rate(self):
        """The learning rate of the first group; setting it changes those of all groups by the same factor."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        # All that callbacks see under mixed_float16, through the loss scale that `compile` puts around the optimizer.
        first = float(ops.convert_to_numpy(self.learning_rate))
        if first == 0:
            raise ValueError("the first group's learning rate is 0, so no factor changes it: set those in optimizers.")
        rates = [float(value) / first * float(ops.convert_to_numpy(o.learning_rate)) for o in self.optimizers]
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            optimizer.learning_rate = rate

    # The state: what is here, and what the optimizers of the groups save and load themselves

    @property
    def variables(self):
        return super().variables + [variable for optimizer in self.optimizers for variable in optimizer.variables]

    def set_weights(self, weights):
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store):
        store["iterations"] = ops.convert_to_numpy(self.iterations)

    def load_own_variables(self, store):
        if "iterations" in store.keys():  # not so in a file of another optimizer, of which Keras warns
            self.iterations.assign(store["iterations"])

    def get_config(self):
        if not self.built and callable(self._groups):
            raise ValueError(
                "the groups of this optimizer are not tied to a model yet: before the model is saved or cloned, train "
                "it, or call model.optimizer.build(model.trainable_variables)."
            )
        kept = list(self._groups)
        if self.built:
            # A layer that was frozen after training is not among the trainable weights when the model is loaded.
            kept = [group for group, v in zip(kept, keras_internals.served_variables(self), strict=True) if v.trainable]
        optimizers = [keras.saving.serialize_keras_object(optimizer) for optimizer in self.optimizers]
        return {"name": self.name, "optimizers": optimizers, "groups": kept}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        optimizers = [keras.saving.deserialize_keras_object(o, custom_objects) for o in config["optimizers"]]
        return cls(**{**config, "optimizers": optimizers})


def _weights(layers) -> list:
    """The weights of a layer or a tuple of layers, frozen ones too: they may be trained later."""
    layers = layers if isinstance(layers, tuple) else (layers,)
    for layer in layers:
        if not isinstance(layer, keras.Layer):
            raise ValueError(f"a group must be a Keras layer, a model, or a tuple of them, got {layer!r}.")
        if not layer.built:
            raise ValueError(
                f"the layer {layer.name!r} has no weights yet: build the model first, with a keras.Input or by calling "
                "it on data."
            )
    return [weight for layer in layers for weight in layer.weights]


# What wraps other optimizers; older Keras than 3.15 has no MultiOptimizer.
_COMPOSED = (PerGroup, keras.optimizers.LossScaleOptimizer, getattr(keras.optimizers, "MultiOptimizer", PerGroup))


def _some(paths: list) -> str:
    return ", ".join(paths) if len(paths) <= 4 else f"{', '.join(paths[:3])} and {len(paths) - 3} more"


def _as_optimizers(optimizers: list) -> list:
    """Optimizer instances, each new and for one group only."""
    optimizers = [keras.optimizers.get(optimizer) for optimizer in optimizers]
    if len({id(optimizer) for optimizer in optimizers}) < len(optimizers):
        raise ValueError("two groups share one optimizer: make one for each, or one group of both, as a tuple.")
    for optimizer in optimizers:
        if optimizer.built:
            raise ValueError(f"the optimizer {optimizer.name!r} already serves other weights: make a new one.")
        if isinstance(optimizer, _COMPOSED):
            raise ValueError(
                f"a group cannot have a {type(optimizer).__name__}: give a plain optimizer; compile scales the loss "
                "for mixed_float16 by itself."
            )
        if optimizer.loss_scale_factor is not None:
            raise ValueError(
                f"the optimizer {optimizer.name!r} has a loss_scale_factor, but the groups share one loss: "
                "leave it out."
            )
    return optimizers
