"""A training that a cockpit steers: steps, commands between steps, time travel and rescue. No thread, no widget."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from teachkit.errors import UserError
from teachkit.learn.optimizer import DEFAULTS, name_of
from teachkit.learn.trainer import Trainer
from teachkit.structures import Batch, LossWeights
from teachkit.watch.cockpit.presets import Preset
from teachkit.watch.cockpit.probes import Probes
from teachkit.watch.cockpit.snapshots import Snapshot, Snapshots
from teachkit.watch.replay.recording import VALIDATION, Recording, menus_over
from teachkit.watch.timeline.timeline import Curve, Timeline

FATAL = ("diverged", "skipped")  # a run that goes on after these only does harm
FAR = 10  # times the usual rate: beyond it a run is harmed
OWN = "own"  # the optimizer that was handed over, if it was one


@dataclass
class Command:
    """Something asked of a session. words: its name while it waits; settings: the controls that it moves, by name.

    step: where the run stood when the command was carried out; None while it waits.
    """

    words: str
    act: Callable[[], None]
    settings: Mapping[str, Any] = field(default_factory=dict)
    step: int | None = None


class Session:
    """Steps a trainer and keeps what it shows. Only one thread at a time may call anything but `request`.

    Commands are carried out between two steps, in the order in which they were asked for.

    pictures: shown with their detections; probe: the frozen batch on which shares of the gradient are measured.
    validate_every, share_every, keep_every: steps between validations, measurements and snapshots; memory: bytes for
    snapshots. TypeError for a trainer without a Detector and a Criterion of teachkit.
    """

    def __init__(
        self,
        trainer: Trainer,
        pictures: Batch,
        probe: Batch,
        classes: list[str],
        *,
        validate_every: int = 50,
        share_every: int = 10,
        keep_every: int = 25,
        memory: int = 256 * 2**20,
    ) -> None:
        self.trainer, self.pictures, self.classes = trainer, pictures, classes
        self.probes = Probes(trainer, pictures, probe)
        self.validate_every, self.share_every, self.keep_every = validate_every, share_every, keep_every
        self.usual_weights = LossWeights(**trainer.control.weights.as_dict())
        self._own = trainer.optimizer
        self.optimizer = name_of(trainer.optimizer) if name_of(trainer.optimizer) in DEFAULTS else OWN
        self.usual_rates = {name: rate for name, (rate, _) in DEFAULTS.items()}
        self.usual_rates[self.optimizer] = trainer.train_step.base_rates[0]
        self.snapshots = Snapshots(memory)
        self.timeline, self.ghosts = Timeline(), list[Timeline]()
        self.steps_left: float = 0
        self.trouble = ""  # one sentence, while a rescue is on offer
        self.rescue_step: int | None = None
        self.news = "Press Start, then move the learning rate or a weight of a loss."
        self._commands: deque[Command] = deque()
        self._at_work, self._carrying = threading.RLock(), False
        self._times: deque[float] = deque(maxlen=30)
        self._settings = trainer.control.state_dict()
        self._moved: dict[int, dict[str, Any]] = {}  # the settings that came into force at a step
        self._fresh: int | None = None  # the step at which a fresh optimizer began
        self._pass_on, trainer.on_record = trainer.on_record, self._take
        self.keep()
        self.detect()

    # what is asked for, from any thread

    def request(self, command: Command) -> None:
        """Adds a command behind those that wait. May be called from any thread."""
        self._commands.append(command)

    def waiting(self) -> list[Command]:
        """Commands that are not carried out yet, or are being carried out now, in their order."""
        return list(self._commands)

    @property
    def step(self) -> int:
        return self.trainer.step_number

    @property
    def speed(self) -> float:
        """Steps per second over the last 30 steps, 0 if unknown."""
        times = list(self._times)
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0

    def pending(self) -> dict[str, float]:
        """Settings that the trainer takes over with its next step, by name."""
        control, in_force = self.trainer.control, self.trainer.train_step.weights or {}
        wanted = {name: value for name, value in control.weights.as_dict().items() if value != in_force[name]}
        lr, current = control.lr, self.trainer.optimizer.param_groups[0]["lr"]
        return wanted if lr is None or math.isclose(lr, current) else {"lr": lr, **wanted}

    def preset_settings(self, preset: Preset) -> dict[str, float]:
        return preset.settings(self.usual_rates[self.optimizer], self.usual_weights)

    # one unit of work

    def advance(self) -> bool:
        """Carries out the next command, else one training step. False if nothing is left to do."""
        with self._at_work:
            if self._commands:
                self._carry_out_next()
                return True
            if self.steps_left < 1:
                self._times.clear()
                return False
            self.steps_left -= 1
            self._train()
            self._times.append(time.perf_counter())
            if self.probes.detection_due():
                self.detect()
            return True

    def carry_out(self) -> None:
        """Carries out all commands that wait, in this thread, and trains no step."""
        with self._at_work:
            while self._commands and not self._carrying:  # an interrupt may ask in the midst of a command
                self._carry_out_next()

    def _carry_out_next(self) -> None:
        command = self._commands[0]  # it stays in the queue until it is done: a branch may train some steps again
        self._carrying = True
        try:
            command.step = self.step
            command.act()
        finally:
            self._carrying = False
            self._commands.popleft()

    def drop_commands(self) -> None:
        self._commands.clear()

    def _train(self) -> None:
        """One step, and what is due after it."""
        self._keep_if_due()
        self.trainer.step()
        if self.step % self.share_every == 0:
            self.measure_share()
        if self.step % self.validate_every == 0:
            self.validate()

    def run(self, steps: int) -> None:
        """Trains `steps` steps in this thread, with the same result as a worker's."""
        self.carry_out()
        self.steps_left = steps
        while self.advance():
            pass
        self.detect()

    def let_go(self) -> None:
        """Gives the trainer's records back to the listener that it had before."""
        self.trainer.on_record = self._pass_on

    # measurements, which change nothing in the training

    def detect(self) -> None:
        self.timeline.keep_detections(self.step, self.probes.detect())

    def measure_share(self) -> None:
        self.timeline.curves["shares"].append(self.step, *self.probes.measure_share().values())

    def validate(self) -> None:
        if self.trainer.validation_data is not None:
            scores = self.trainer.validate()
            self.trainer.record_event("validated", f"validation mAP {scores['map']:.3f}", **scores)

    # time travel

    def keep(self, settings: dict[str, Any] | None = None) -> None:
        """Keeps a snapshot of now. settings: state of the control to keep; None for what is asked for at the moment."""
        state = self.trainer.state_dict()
        if settings is not None:
            state["control"] = settings
        self.snapshots.keep(Snapshot(self.step, state, self.optimizer))

    def _keep_if_due(self) -> None:
        """Keeps a snapshot at intervals, and before a changed setting comes into force: a student goes back there."""
        settings = self.trainer.control.state_dict()
        newest = self.snapshots.steps[-1] if self.snapshots.kept else -math.inf
        changed = settings != self._settings
        fresh = self._fresh is not None and self.step > self._fresh  # a replay could not make that optimizer anew
        if fresh or (changed and self.step - newest >= 5) or self.step - newest >= self.keep_every:
            self.keep(self._settings)
            self._fresh = None if fresh else self._fresh
        if changed:
            self._moved[self.step] = settings
        self._settings = settings

    def rewind(self, step: int) -> None:
        """Goes back to the state before the step, and forgets what came later.

        The steps after the last snapshot are trained once more, each with the settings that it had: what a cell asks of
        the trainer meanwhile does not fall into the past. UserError if the run has not come that far.
        """
        snapshot = self._snapshot_for(step)
        again = {when: settings for when, settings in self._moved.items() if snapshot.step <= when < step}
        self._restore(snapshot)
        settings = self._settings
        while self.step < step and not self.trouble:
            settings = again.get(self.step, settings)
            self.trainer.control.load_state_dict(settings)
            self._train()
        self.trainer.record_event("rewound", f"back at step {self.step} with the settings of that time")
        self.news = f"Back at step {self.step} with the settings of that time."
        self.detect()

    def _snapshot_for(self, step: int) -> Snapshot:
        if step > self.step:
            raise UserError(f"the run has not come to step {step} yet: it is at step {self.step}")
        return self.snapshots.at(step)

    def _restore(self, snapshot: Snapshot) -> None:
        if snapshot.optimizer != self.optimizer:
            self._install(snapshot.optimizer)
        self.trainer.load_state_dict(snapshot.state)
        self._settings, self._fresh = self.trainer.control.state_dict(), None
        self._moved = {when: settings for when, settings in self._moved.items() if when < snapshot.step}
        self.snapshots.cut(snapshot.step + 1)
        self.timeline = self.timeline.until(snapshot.step)
        self.trouble, self.rescue_step = "", None

    def branch(self, step: int) -> None:
        """Rewinds, and keeps the run so far to compare with, as the newest of three ghosts."""
        self._snapshot_for(step)
        self.ghosts = [*self.ghosts[-2:], self.timeline]
        self.rewind(step)
        self.news = f"Branched at step {self.step}: change a setting and start; the earlier run stays in grey."

    def reset(self) -> None:
        """Goes back to the first step with the first settings, and drops the ghosts."""
        self.steps_left, self.ghosts = 0, []
        self.rewind(self.snapshots.steps[0])
        self.news = "Back at the first step with the first settings: press Start."

    def rescue(self) -> None:
        """Goes back to before the trouble. UserError if there is none."""
        if self.rescue_step is None:
            raise UserError("there is nothing to rescue: the run is sound")
        self.steps_left = 0
        self.rewind(self.rescue_step)

    # optimizers

    def use_optimizer(self, name: str) -> None:
        """Installs a fresh optimizer with its usual rate, since one rate does not suit both. The schedule stays."""
        if name not in self.usual_rates:
            raise UserError(f"there is no optimizer {name!r}: choose {' or '.join(self.usual_rates)}")
        self.keep()
        self._install(name)
        self._fresh = self.step

    def _install(self, name: str) -> None:
        if name == OWN:
            self.trainer.optimizer = self._own
        else:
            self.trainer.change_optimizer(name, self.usual_rates[name])
        self.optimizer = name

    # records of the trainer

    def _take(self, record: dict[str, Any]) -> None:
        mark = self.timeline.take(record)
        if mark is not None and not mark.alarm:
            self.news = f"From step {mark.step} on: {mark.label}."
        elif mark is not None:
            self.news = f"Step {mark.step}: {record['message']}"
            if mark.alarm in FATAL:
                self.steps_left, self.trouble = 0, record["message"]
                self.rescue_step = self._before_trouble(mark.step)
        if self._pass_on is not None:  # whoever listened to the trainer before
            self._pass_on(record)

    def fork_step(self) -> int:
        """Where a second future shows most: before the rate went far up, else before trouble, else at the last change.

        A run that is slow may be far from its trouble, or may have been moved back before it.
        """
        if (far_up := self._went_far_up()) is not None:
            return self.snapshots.at(far_up).step
        fatal = [mark for mark in self.timeline.marks if mark.alarm in FATAL]
        return self._before_trouble(fatal[0].step if fatal else self.step)

    def _went_far_up(self) -> int | None:
        """The step at which the rate was last moved far beyond the usual one."""
        far = FAR * self.usual_rates[self.optimizer]
        far_up, was_far = None, False
        for step, settings in self._moved.items():
            is_far = (settings["lr"] or 0) > far
            far_up, was_far = step if is_far and not was_far else far_up, is_far
        return far_up

    def _before_trouble(self, step: int) -> int:
        """The step before the last change of a setting, if that is within 200 steps; else fifty steps back."""
        changes = [mark.step for mark in self.timeline.marks if not mark.alarm and step - 200 <= mark.step <= step]
        return self.snapshots.at(max(0, changes[-1] if changes else step - 50)).step

    # what is kept of it

    def recording(self, name: str = "Training") -> Recording:
        """What has been shown so far, to be replayed. UserError if no step has been trained yet."""
        if not self.timeline.curves["steps"].rows:
            raise UserError("nothing has been trained yet: press Start, or call run(100), and save the replay then")
        timeline = self.timeline.copy()
        timeline.detections.append((self.step, self.probes.found))
        first = self.snapshots.kept[0]
        control = first.state["control"]
        schedule = control["schedule"] if control["lr"] is None else "constant"
        return Recording(
            name,
            timeline,
            Curve(VALIDATION),
            menus=menus_over(timeline, first.step, schedule, first.optimizer),
            ghosts=list(self.ghosts),
            pictures=self.pictures,
            classes=list(self.classes),
        )
