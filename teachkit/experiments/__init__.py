"""What lessons and recordings run: small trainings, sweeps, searches, data made worse on purpose."""
