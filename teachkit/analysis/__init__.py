"""What lessons look into: gradients, update rules, surfaces, the edges of DFL."""
