"""Random numbers of which a part can be drawn by itself."""

import tensorflow as tf

# Philox (Salmon et al. 2011, https://doi.org/10.1145/2063384.2063405) turns each number of its counter into so many
# normal ones.
PER_COUNT = 4


def normal_rows(rows: int, columns: int, seed: int, first: int = 0):
    """Rows `first` to `first + rows` of what `keras.random.normal` draws for any larger number of rows.

    Args:
        rows: how many.
        columns: numbers per row.
        seed: integer from 0 to 2**31 - 1.
        first: the first row; `first * columns` must be a multiple of `PER_COUNT`.

    Returns:
        `(rows, columns)` float32 tensor.
    """
    seed = tf.constant([seed % (2**31 - 2), 0], tf.int32)  # as Keras folds it
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    counter = tf.tensor_scatter_nd_add(counter, [[0]], tf.constant([first * columns // PER_COUNT], tf.uint64))
    algorithm = tf.raw_ops.StatelessRandomGetAlg()
    return tf.raw_ops.StatelessRandomNormalV2(
        shape=[rows, columns], key=key, counter=counter, alg=algorithm, dtype=tf.float32
    )
