"""Build and install llama-cpp-python once per machine kind; the one place that sets its CMAKE_ARGS.

The package index carries only its source, so pip would compile it (about 5 minutes on 2 cores) in silence. This
script shows how far the compiler is and keeps the wheel in pip's cache folder, under a key made of the version, the
options, the Python and the processor's instruction sets: a wheel built here with other options, or for another
processor, is never taken by mistake.

    python packaging/build_llama.py [--gpu auto|cpu|vulkan|cuda]

Run with the interpreter of the virtual environment that shall hold it.
"""

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "llama-cpp-python"


def pinned_version() -> str:
    """The exact version that pyproject.toml asks for."""
    lines = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (line,) = (line for line in lines if line.startswith(PACKAGE))
    return line.split("==")[1].strip()


def choose_gpu(wanted: str) -> str:
    """`auto` is Vulkan where its headers and shader compiler are, else the processor alone."""
    if wanted != "auto":
        return wanted
    headers = any(Path(base, "include/vulkan/vulkan.h").exists() for base in ("/usr", "/usr/local"))
    return "vulkan" if headers and shutil.which("glslc") else "cpu"


def cmake_args(gpu: str) -> list[str]:
    """The options of ggml and llama.cpp, each with its reason."""
    args = [
        # With OpenMP the waiting policy is fixed by the environment at load; ggml's own pool has polling and
        # priority that can change while it runs.
        "-DGGML_OPENMP=OFF",
        # This wheel stays on this machine, and its key holds the instruction sets. What is shipped to others is
        # built with GGML_NATIVE=OFF and all CPU variants.
        "-DGGML_NATIVE=ON",
    ]
    if gpu == "vulkan":
        args.append("-DGGML_VULKAN=ON")
    elif gpu == "cuda":
        args.append("-DGGML_CUDA=ON")
    return args


def instruction_sets() -> str:
    """The processor's feature flags, where the system tells them."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return " ".join(sorted(line.split(":", 1)[1].split()))
    except OSError:
        pass
    return platform.processor()


def pip(*args: str, **options: object) -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *args]


def cache_folder() -> Path:
    """pip's own cache folder: emptying it makes everything new."""
    found = subprocess.run(pip("cache", "dir"), capture_output=True, text=True)
    base = found.stdout.strip().splitlines()[-1] if found.returncode == 0 and found.stdout.strip() else ""
    return Path(base or Path.home() / ".cache" / "rushlight-build") / "rushlight-wheels"


def installed_key() -> str:
    stamp = Path(sys.prefix) / ".llama-key"
    return stamp.read_text().strip() if stamp.exists() else ""


def build(version: str, args: list[str], folder: Path) -> Path:
    """Compile the wheel into `folder`, with one line of progress. Raises SystemExit with the compiler's last words."""
    staging = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    log = staging / "build.log"
    command = pip("wheel", "--verbose", "--no-deps", "--no-cache-dir", "--no-binary", PACKAGE,
                  "--wheel-dir", str(staging), f"{PACKAGE}=={version}")  # fmt: skip
    environment = {**os.environ, "CMAKE_ARGS": " ".join([os.environ.get("CMAKE_ARGS", ""), *args]).strip()}
    print(f"Compiling llama.cpp ({PACKAGE} {version}, {' '.join(args)}): about 5 minutes on 2 cores, once.", flush=True)
    start = time.monotonic()
    first_step: float | None = None
    shown = ""
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", env=environment)  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            step = re.match(r"\s*\[(\d+)/(\d+)\]", line)
            if not step:
                continue
            done, total = int(step[1]), int(step[2])
            first_step = first_step or time.monotonic()
            spent = time.monotonic() - first_step
            left = f", about {spent / done * (total - done) / 60:.0f} min left" if done >= 10 and spent > 10 else ""
            text = f"  {100 * done // total:3d} %  {done} of {total} files{left}"
            if sys.stdout.isatty():
                print(f"\r{text:<60}", end="", flush=True)
            elif 100 * done // total // 10 != shown:
                shown = 100 * done // total // 10
                print(text, flush=True)
        code = process.wait()
    if sys.stdout.isatty():
        print()
    if code != 0:
        tail = "\n".join(log.read_text().splitlines()[-30:])
        kept = Path(sys.prefix) / "llama-build.log"
        shutil.copy(log, kept)
        shutil.rmtree(staging, ignore_errors=True)
        raise SystemExit(
            f"{tail}\n\nllama.cpp could not be compiled; the whole log is {kept}.\n"
            "Needed: a C++ compiler, CMake and the Python headers (on Debian and Ubuntu: make system)."
        )
    log.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)
    print(f"  done in {(time.monotonic() - start) / 60:.1f} min", flush=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", choices=["auto", "cpu", "vulkan", "cuda"], default="auto")
    gpu = choose_gpu(parser.parse_args().gpu)
    version, args = pinned_version(), cmake_args(gpu)
    parts = [version, *args, os.environ.get("CMAKE_ARGS", ""), sys.implementation.cache_tag or "",
             platform.machine(), instruction_sets()]  # fmt: skip
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    if installed_key() == key:
        return
    folder = cache_folder() / key
    wheels = sorted(folder.glob("*.whl"))
    wheel = wheels[0] if wheels else build(version, args, folder)
    constraints = ["-c", str(ROOT / "packaging" / "constraints.txt")]
    subprocess.run(pip("install", "--quiet", "--no-deps", "--force-reinstall", *constraints, str(wheel)), check=True)
    (Path(sys.prefix) / ".llama-key").write_text(key + "\n")


if __name__ == "__main__":
    main()
