"""`python -m rushlight.trainer.crew_ray RUN WORKERS`: starts a crew by Ray Train, on the cluster that RAY_ADDRESS names
or on one of its own. The folder of the run must lie where all machines see it."""

import os
import sys
from pathlib import Path


def main(run: str, n_workers: int) -> None:
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TRAIN_ENABLE_CONTROLLER_LOGGING": "0"}
    import ray
    import torch
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    has_cards = torch.cuda.is_available()
    address = os.environ.get("RAY_ADDRESS")
    own = {} if address else {"num_cpus": n_workers, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    ray.init(address=address, log_to_driver=False, **own)
    trainer = TorchTrainer(
        _work,
        train_loop_config={"run": run},
        scaling_config=ScalingConfig(num_workers=n_workers, use_gpu=has_cards),
        torch_config=TorchConfig(backend="nccl" if has_cards else "gloo"),
        run_config=RunConfig(storage_path=str(Path(run, ".crew", "ray")), name="crew"),
    )
    trainer.fit()


def _work(said: dict[str, str]) -> None:
    from rushlight.trainer.crew_member import member

    member(said["run"])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
