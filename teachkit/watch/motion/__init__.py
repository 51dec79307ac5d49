"""Widgets in which something moves by itself: a recorded training as a film, and steps down a parabola."""
