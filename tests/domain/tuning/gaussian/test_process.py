"""The Gaussian process."""

from __future__ import annotations

import numpy as np
import pytest

from sagewright.domain.tuning.gaussian.process import MOST_FITTED, Array, fit

NUMBERS = np.array([False, False])


def sample(count: int, seed: int = 0) -> tuple[Array, Array]:
    rows = np.random.default_rng(seed).random((count, 2))
    return rows, np.sin(6 * rows[:, 0]) + 0.01 * rows[:, 1]


def test_it_goes_through_what_it_knows_and_foretells_the_rest() -> None:
    rows, losses = sample(30)
    posterior = fit(rows, losses, NUMBERS)
    mean, deviation = posterior.predict(rows)
    assert np.abs(mean - losses).max() < 0.02
    assert deviation.max() < 0.05
    others, truth = sample(200, seed=1)
    mean, deviation = posterior.predict(others)
    assert np.abs(mean - truth).mean() < 0.05
    assert (np.abs(mean - truth) < 4 * deviation + 0.05).mean() > 0.95


def test_what_matters_has_the_shorter_length() -> None:
    posterior = fit(*sample(30), NUMBERS)
    assert posterior.learnt.lengths[0] < posterior.learnt.lengths[1] / 2


def test_noise_is_noticed() -> None:
    rows, losses = sample(60)
    noisy = losses + 0.5 * np.random.default_rng(3).standard_normal(60)
    assert fit(rows, noisy, NUMBERS).learnt.noise > 20 * fit(rows, losses, NUMBERS).learnt.noise


def test_belief_takes_the_doubt_and_leaves_the_mean() -> None:
    posterior = fit(*sample(12), NUMBERS)
    there, others = np.array([0.5, 0.9]), sample(50, seed=2)[0]
    believed = posterior.believe(there)
    assert np.allclose(believed.predict(others)[0], posterior.predict(others)[0])
    assert (believed.predict(others)[1] <= posterior.predict(others)[1] + 1e-9).all()
    assert believed.predict(there[None, :])[1][0] < 0.2 * posterior.predict(there[None, :])[1][0]
    again = believed.believe(there).believe(there)
    assert np.isfinite(again.predict(others)[1]).all()


def test_categories_are_apart_whatever_their_number() -> None:
    rows = np.array([[float(index % 3), index / 30] for index in range(30)])
    losses = np.array([{0.0: 1.0, 1.0: -1.0, 2.0: 1.0}[each] for each in rows[:, 0]])
    posterior = fit(rows, losses, np.array([True, False]))
    mean, _ = posterior.predict(np.array([[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]]))
    assert mean == pytest.approx([1, -1, 1], abs=0.1)


@pytest.mark.parametrize("losses", [np.zeros(8), np.full(8, 3.0)])
def test_constant_losses_and_equal_rows_do_no_harm(losses: Array) -> None:
    posterior = fit(np.full((8, 2), 0.5), losses, NUMBERS)
    mean, deviation = posterior.predict(np.array([[0.1, 0.1], [0.5, 0.5]]))
    assert np.allclose(mean, losses[0], atol=1e-3)
    assert (deviation > 0).all()


def test_many_rows_all_count() -> None:
    rows, losses = sample(3 * MOST_FITTED)
    posterior = fit(rows, losses, NUMBERS)
    assert len(posterior.rows) == len(rows)
    assert np.abs(posterior.predict(rows)[0] - losses).max() < 0.05
