"""Programs that keep the figures of runs, on this machine: MLflow and trackio, where they are installed."""
