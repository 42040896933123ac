"""A `keras.Model` that is saved with its random state."""

import random

import keras


class ExactModel(keras.Model):
    """A model that goes on from a saved state exactly as it would have without saving.

    Keras saves weights and optimizers, but no random state. This keeps the model's own `seed_generator` and those of
    all its layers (dropout, noise, augmentation) in `.keras` and `.weights.h5` files alike.

    Args:
        seed: integer from which the model's own randomness flows; `None` draws one.
        name: name of the model.
    """

    def __init__(self, *, seed: int | None = None, name: str | None = None):
        super().__init__(name=name)
        # A seed that is drawn (which keras.utils.set_random_seed decides) is kept: the run it starts can be repeated.
        self.seed = random.randrange(2**31) if seed is None else seed
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    @property
    def random_states(self) -> list:
        """The variables that hold random states, in a fixed order."""
        weights = {id(v) for v in self.weights}
        return list({id(v): v for v in [self.seed_generator.state, *self.variables] if id(v) not in weights}.values())

    def save_own_variables(self, store):
        super().save_own_variables(store)
        for i, state in enumerate(self.random_states):
            store[f"random_state_{i}"] = state

    def load_own_variables(self, store):
        states = {f"random_state_{i}": state for i, state in enumerate(self.random_states)}
        for name, state in states.items():
            if name in store:
                state.assign(store[name])
        super().load_own_variables({name: store[name] for name in store.keys() if name not in states})
