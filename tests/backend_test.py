import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import backend


def numbers(dataset):
    return [int(n) for n in dataset.as_numpy_iterator()]


def test_shuffled_range_is_a_permutation_that_seed_and_position_decide():
    position = [0]
    dataset = backend.shuffled_range(100, 7, lambda: position[0])
    first = numbers(dataset)
    assert sorted(first) == list(range(100)) and first != list(range(100))
    assert numbers(dataset) == first
    position[0] = 1
    assert numbers(dataset) != first
    assert numbers(backend.shuffled_range(100, 8, lambda: 0)) != first


@pytest.mark.slow
def test_shuffled_range_puts_every_number_everywhere():
    position = iter(range(10**6))
    dataset = backend.shuffled_range(6, 0, lambda: next(position)).repeat(600)
    places = np.reshape(numbers(dataset), (600, 6))
    counts = np.array([[np.sum(places[:, place] == n) for n in range(6)] for place in range(6)])
    # 600 draws, 100 expected in each cell, standard deviation 9.1: five of them.
    assert np.abs(counts - 100).max() < 46


def test_rounds_hold_consecutive_batches_and_leave_out_incomplete_ones():
    rounds = list(backend.rounds_of(tf.data.Dataset.range(23).batch(4), 2).as_numpy_iterator())
    assert [r.shape for r in rounds] == [(4, 2), (4, 2)]
    np.testing.assert_array_equal(rounds[1], [[8, 12], [9, 13], [10, 14], [11, 15]])
    assert [len(b) for b in backend.rounds_of(tf.data.Dataset.range(23).batch(4), 1)] == [4] * 5


def test_array_batches_keep_rows_of_all_arrays_together():
    arrays = {"a": np.arange(10), "b": np.arange(20).reshape(10, 2)}
    order = tf.data.Dataset.from_tensor_slices(np.array([3, 1, 4, 5, 9, 2, 6], "int64"))
    batches = list(backend.array_batches(arrays, order.batch(3)).take(2).as_numpy_iterator())
    np.testing.assert_array_equal(batches[0]["a"], [3, 1, 4])
    np.testing.assert_array_equal(batches[1]["b"], [[10, 11], [18, 19], [4, 5]])


def test_a_batch_larger_than_the_data_takes_no_more_memory_than_these():
    (rows,) = backend.shuffled_rows(5, 2**31 - 1, 7, lambda: 3).as_numpy_iterator()
    assert rows.tolist() == numbers(backend.shuffled_range(5, 7, lambda: 3))


@pytest.mark.parametrize(("drop", "sizes"), [(False, [4, 4, 2]), (True, [4, 4])])
def test_rows_come_in_order_or_in_that_of_shuffled_range(drop, sizes):
    in_order = backend.rows_in_order(10, 4, drop_incomplete=drop)
    shuffled = backend.shuffled_rows(10, 4, 7, lambda: 3, drop_incomplete=drop)
    for rows, expected in ((in_order, range(10)), (shuffled, numbers(backend.shuffled_range(10, 7, lambda: 3)))):
        batches = list(rows.as_numpy_iterator())
        assert [len(batch) for batch in batches] == sizes and int(rows.cardinality()) == len(sizes)
        assert rows.element_spec.shape == (4 if drop else None,)
        assert np.concatenate(batches).tolist() == list(expected)[: sum(sizes)]


def test_gradients_are_those_of_the_named_variables_alone():
    a, b = keras.Variable(3.0), keras.Variable(5.0)
    (value, extra), gradients = backend.value_and_gradients(lambda scope: (a * a * b, "extra"), [a])
    assert float(value) == 45 and extra == "extra" and [float(g) for g in gradients] == [30]
    _, gradients = backend.value_and_gradients(lambda scope: (a * 2.0, None), [b])
    assert gradients == [None] and float(backend.with_zeros(gradients, [b])[0]) == 0


def test_input_gradients_can_be_differentiated_again():
    a, x = keras.Variable(2.0), tf.constant([[1.0], [3.0]])

    def squared_gradient(scope):
        _, gradient = backend.value_and_input_gradient(lambda x: a * x**3, x)
        return tf.reduce_sum(gradient**2), None

    # d/dx a x^3 = 3 a x^2; the sum of its squares is 9 a^2 (1 + 81), whose derivative by a is 18 a (1 + 81).
    (value, _), (derivative,) = backend.value_and_gradients(squared_gradient, [a])
    assert float(value) == pytest.approx(9 * 4 * 82) and float(derivative) == pytest.approx(18 * 2 * 82)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_stop_what_depends_on_them(bad):
    variable = tf.Variable(1.0)

    @tf.function
    def step(value):
        (new,) = backend.only_if_finite([tf.constant(5.0)], {"a": [value]}, 3)
        variable.assign(new)

    with pytest.raises(backend.NotFiniteError, match="3"):
        step(tf.constant([1.0, bad]))
    assert variable.numpy() == 1.0
    step(tf.constant([1.0, 2.0]))
    assert variable.numpy() == 5.0


def test_replica_mean_is_the_mean_over_replicas(two_devices):
    def mean():
        return backend.replica_mean(tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32))

    values = two_devices.experimental_local_results(tf.function(lambda: two_devices.run(mean))())
    assert [float(v) for v in values] == [0.5, 0.5]
    assert float(backend.replica_mean(tf.constant(2.0))) == 2.0
