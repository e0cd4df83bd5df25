import os
import signal
import types

import pytest

from sensegen_tf.training.privacy import Guarantee, PrivacyConfig
from sensegen_tf.training.progress import Interrupt, Progress
from sensegen_tf.training.schedule import alternating

METRICS = {"outer": 1, "generator_loss": 0.5, "test_nll": 1.25, "discriminator_accuracy": 0.75}


def run_in(folder, **changes):
    """In the place of a `Run`."""
    schedule = alternating(2, discriminator_steps=1, generator_steps=1)
    config, trainer = types.SimpleNamespace(schedule=schedule), types.SimpleNamespace(private=None)
    known = {"path": folder, "config": config, "trainer": trainer, "resumed_at": 0, "metrics": []}
    return types.SimpleNamespace(**{**known, **changes})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop_and_the_second_is_as_without(number):
    before, interrupt, seen = signal.getsignal(number), Interrupt(), []
    signal.signal(number, lambda *_: seen.append("as without"))
    try:
        interrupt.on_begin(run_in(""))
        assert not interrupt.should_stop()
        os.kill(os.getpid(), number)
        assert interrupt.should_stop() and not seen
        os.kill(os.getpid(), number)
        assert seen == ["as without"]
        interrupt.on_end(run_in(""))
        os.kill(os.getpid(), number)
        assert seen == ["as without"] * 2
    finally:
        signal.signal(number, before)


def test_a_bar_shows_losses_metrics_and_where_a_run_was_resumed(tmp_path, capsys):
    schedule, progress = run_in("").config.schedule, Progress()
    progress.on_begin(run_in(tmp_path, resumed_at=2, metrics=[{**METRICS, "outer": 0, "test_nll": 9.0}]))
    for number, loss in ((2, 0.125), (3, 0.25)):
        progress.on_step(schedule.step(number), loss)
    progress.on_outer(METRICS)
    progress.on_calibrate()
    progress.on_end(run_in(tmp_path))
    shown = capsys.readouterr()
    lines = (shown.out + shown.err).replace("\r", "\n").splitlines()
    assert any("resumed at step 2 of 4" in line for line in lines)
    assert any(line.startswith("outer iteration 2/2") and "test nll 1.250" in line for line in lines)
    assert any("temperatures" in line for line in lines)
    [last] = [line for line in lines if "100%" in line][-1:]
    for text in ("4/4", "discriminator loss=0.125", "generator loss=0.250", "test NLL=1.250", "test accuracy=0.750"):
        assert text in last
    assert list(tmp_path.glob("logs/events*"))


def test_a_guarantee_is_shown_before_the_first_step(tmp_path, capsys):
    asked = PrivacyConfig(epsilon=8.0, delta=1e-5, clip_norm=0.5, subjects_per_step=21)
    guarantee = Guarantee(asked, subjects=21, steps=100, noise_multiplier=6.0)
    trainer = types.SimpleNamespace(
        private=types.SimpleNamespace(guarantee=guarantee), parameters=types.SimpleNamespace(count=500_000)
    )
    progress, run = Progress(), run_in(tmp_path, trainer=trainer)
    progress.on_begin(run)
    progress.on_end(run)
    shown = capsys.readouterr().out
    for text in (
        "epsilon 8, delta 1e-05 for each subject",
        "21 subjects",
        "sigma 6",
        "202 times the clip",
        "trainable=head",
    ):
        assert text in shown, text
