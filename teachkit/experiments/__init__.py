"""Experiments for lessons and recordings: small trainings, sweeps, searches, data faults."""
