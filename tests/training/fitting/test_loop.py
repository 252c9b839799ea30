"""The training loop: batches made ahead, and a state that another run goes on from."""

import threading

import numpy as np
import pytest

from kws_training.fitting.loop import (
    Batch,
    Descent,
    ParameterGroup,
    TrainingLoop,
    ahead,
    warm_cosine,
)


def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def counting(stop=None):
    """Counts from 0; raises at ``stop``."""
    number = iter(range(10**9))

    def make():
        value = next(number)
        if value == stop:
            raise RuntimeError(f"no item {value}")
        return value

    return make


@pytest.mark.parametrize("count", [0, 1, 3, 200])
@pytest.mark.parametrize("depth", [1, 4])
def test_ahead_keeps_the_order(count, depth):
    before = threads()
    assert list(ahead(counting(), count, depth)) == list(range(count))
    assert threads() <= before


def test_ahead_works_ahead():
    made, taken, leads = 0, 0, []
    four = threading.Event()

    def make():
        nonlocal made
        made += 1
        leads.append(made - taken)
        if made == 4:
            four.set()

    source = ahead(make, 40, 3)
    next(source)
    taken = 1
    assert four.wait(60)  # three wait for a reader who is not there
    for _ in source:
        taken += 1
    assert taken == made == 40
    # three that wait, one in the hand of each side
    assert max(leads) <= 5


@pytest.mark.parametrize("stop", [0, 5])
def test_what_the_maker_raises_reaches_the_reader(stop):
    before = threads()
    found = []
    with pytest.raises(RuntimeError, match=f"no item {stop}"):
        found.extend(ahead(counting(stop), 10))
    assert threads() <= before
    source = ahead(counting(stop), 10)
    for expected in range(stop):
        assert next(source) == expected
    with pytest.raises(RuntimeError, match=f"no item {stop}"):
        next(source)
    assert threads() <= before


def test_stopping_early_leaves_no_thread_behind():
    before = threads()
    source = ahead(counting(), 1000)
    assert next(source) == 0
    assert threads() > before
    source.close()
    assert threads() <= before
    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        for number in (source := ahead(counting(), 1000)):
            1 / (3 - number)
    source.close()
    assert threads() <= before


# --- the loop ---


def small(seed=0):
    """A model with batch norm and dropout, its loop and a source of batches."""
    import keras

    keras.utils.set_random_seed(seed)
    x = keras.Input((6, 4))
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(8, activation="relu")(x))
    model = keras.Model(x, keras.layers.Dense(3)(keras.layers.Dropout(0.3)(hidden)))
    return model, TrainingLoop(model, 12, Descent(learning_rate=0.05, averaging=0.9))


def batches(count):
    rng = np.random.default_rng(7)
    for _ in range(count):
        inputs = rng.normal(size=(16, 6, 4)).astype(np.float32)
        targets = np.eye(3, dtype=np.float32)[inputs[..., :3].argmax(-1)]
        yield Batch(inputs, [targets], [np.ones((16, 6), np.float32)])


def test_a_state_is_all_that_is_needed_to_go_on():
    model, loop = small()
    all_losses = [loop.step(batch) for batch in batches(12)]
    assert np.mean(all_losses[-3:]) < np.mean(all_losses[:3])
    first, stopped = small()
    losses = [stopped.step(batch) for batch in list(batches(12))[:5]]
    state = [np.array(array) for array in stopped.state()]
    second, going_on = small(seed=1)
    going_on.restore(state)
    losses += [going_on.step(batch) for batch in list(batches(12))[5:]]
    assert losses == all_losses
    for one, other in zip(loop.average.weights, going_on.average.weights, strict=True):
        assert (one == other).all()
    for one, other in zip(model.get_weights(), second.get_weights(), strict=True):
        assert (one == other).all()
    assert any(
        (one != other).any()
        for one, other in zip(first.get_weights(), second.get_weights(), strict=True)
    )


def test_results_of_weight_0_teach_nothing():
    states = []
    for wrong in (0, 1):
        model, loop = small()
        for batch in batches(3):
            targets, weights = batch.targets[0].copy(), batch.weights[0].copy()
            weights[:, 2:] = 0
            targets[:, 2:] = np.roll(targets[:, 2:], wrong, axis=-1)
            loop.step(Batch(batch.inputs, [targets], [weights]))
        states.append(model.get_weights())
    assert all((a == b).all() for a, b in zip(*states, strict=True))


def test_a_batch_that_weighs_nothing_is_no_division_by_zero():
    _, loop = small()
    batch = next(batches(1))
    assert loop.step(Batch(batch.inputs, batch.targets, [0 * batch.weights[0]])) == 0
    assert all(np.isfinite(array).all() for array in loop.state())


def test_averaged_weights_are_applied_for_a_while():
    model, loop = small()
    for batch in batches(8):
        loop.step(batch)
    moment = model.get_weights()
    with loop.average.applied():
        assert (model.get_weights()[0] == loop.average.weights[0]).all()
        assert (model.get_weights()[0] != moment[0]).any()
    assert (model.get_weights()[0] == moment[0]).all()


def test_a_frozen_group_joins_when_its_steps_are_over():
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((6, 4))
    base, head = keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)
    model = keras.Model(x, head(base(x)))
    descent = Descent(learning_rate=0.05)
    groups = [
        ParameterGroup(head.trainable_variables, descent),
        ParameterGroup(base.trainable_variables, descent, frozen_steps=3),
    ]
    loop = TrainingLoop(model, 6, descent, groups=groups)
    begun = base.get_weights()
    for number, batch in enumerate(batches(6)):
        before = head.get_weights()
        loop.step(batch)
        assert (head.get_weights()[0] != before[0]).any()
        assert (base.get_weights()[0] == begun[0]).all() == (number < 3)


@pytest.mark.parametrize(("warm", "falling"), [(1, 1), (5, 37)])
def test_the_learning_rate_is_kerass_to_the_last_bit(warm, falling):
    import keras
    import tensorflow as tf

    descent = Descent(learning_rate=3e-3, floor=1e-2)
    theirs = keras.optimizers.schedules.CosineDecay(
        descent.learning_rate / 20,
        falling,
        alpha=descent.floor,
        warmup_target=descent.learning_rate,
        warmup_steps=warm,
    )
    rates = [tf.function(one.__call__) for one in (theirs, warm_cosine(descent, warm, falling))]
    for step in range(warm + falling + 3):
        expected, found = (float(rate(tf.constant(step, tf.int64))) for rate in rates)
        assert found == expected, step
