"""Widgets in which a training moves: as it goes, as a recorded film, and as steps down a parabola."""
