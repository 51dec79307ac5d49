"""What lessons analyse: gradients of the losses, update rules, loss surfaces, the edges of DFL."""
