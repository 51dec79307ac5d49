"""What each command of `python -m teachkit` does: one module each, with `run(arguments)` → exit code."""
