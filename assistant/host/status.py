"""An engine as fronts are told of it: state, memory, where it computes, how fast it was, when it would be unloaded."""

import time

from rushlight.assistant.host import memory
from rushlight.assistant.host.engine import Engine
from rushlight.assistant.host.protocol import EngineStatus


def status_of(engine: Engine) -> EngineStatus:
    """What is known of it now."""
    held = memory.resident(engine.worker.pid)
    need = engine.need
    return EngineStatus(
        engine_id=engine.engine_id,
        pid=engine.worker.pid,
        load=engine.load,
        state=engine.state,
        in_use=engine.in_use,
        n_fronts=len(engine.fronts),
        need_bytes=need.main_bytes if need is not None else 0,
        resident_bytes=held.total_bytes if held else 0,
        unused_s=0.0 if engine.busy else time.monotonic() - engine.last_used_s,
        keep_alive_s=engine.keep_alive_s,
        ready=engine.ready,
        parked_bytes=engine.parked_bytes,
        card_bytes=engine.granted.card_bytes if engine.granted is not None else 0,
        prompt_per_s=engine.speed.prompt_per_s if engine.speed is not None else 0.0,
        decode_per_s=engine.speed.decode_per_s if engine.speed is not None else 0.0,
    )
