"""What a run has shown over its steps: curves, marks and detections, for the cockpit and for the replay."""
