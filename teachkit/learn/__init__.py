"""The third part of the loop, learn: one step, and the training around it, which can be steered, saved and resumed."""
