"""What a training will take before it starts: memory part by part and time, from a trial of a few seconds."""
