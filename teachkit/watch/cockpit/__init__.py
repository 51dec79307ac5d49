"""The cockpit: a training to watch and to steer."""
