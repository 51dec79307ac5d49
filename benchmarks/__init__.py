"""Side by side with others, as ratios within one run. `python -m benchmarks`; see README.md."""
