"""Widgets in which a student competes: with a score, with a machine that doubts labels, with a detector that counts."""
