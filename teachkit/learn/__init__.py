"""The third part of the loop: the optimizer, its schedule, a training to watch, to steer, to save and to go on with."""
