"""The third part of the loop: the optimizer, its schedule, and a training to watch, to steer, to save and go on with."""
