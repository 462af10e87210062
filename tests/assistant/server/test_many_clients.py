"""Sixty-four callers at once: some are answered, the others refused at once, and no process grows."""

import threading
import time
from typing import Any

import httpx
import psutil
import pytest

N_CLIENTS = 64
WARM_S, MEASURED_S = 40, 60
MIB = 2**20


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sixty_four_clients_for_a_minute(quick: Any) -> None:
    """The server, its host and its engine are processes of their own, so that no memory of these callers is counted."""
    headers = {"authorization": f"Bearer {quick.token}"}
    statuses: dict[int, int] = {}
    refusals_s: list[float] = []
    lock = threading.Lock()
    end = time.monotonic() + WARM_S + MEASURED_S

    def caller(number: int) -> None:
        with httpx.Client(base_url=quick.url, headers=headers, timeout=60, trust_env=False) as client:
            while time.monotonic() < end:
                body = {"messages": [{"role": "user", "content": str(number)}], "stream": number % 2 == 0,
                        "max_tokens": 30}  # fmt: skip
                began = time.monotonic()
                status = client.post("/v1/chat/completions", json=body).status_code
                with lock:
                    statuses[status] = statuses.get(status, 0) + 1
                    if status == 429:
                        refusals_s.append(time.monotonic() - began)
                time.sleep(0.2 + 0.01 * (number % 7))

    assert quick.client.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
    ).is_success  # fmt: skip
    server = psutil.Process(quick.facts["pid"])
    status = quick.host_status()
    watched = {"server": server, "host": psutil.Process(status["pid"])}
    (model,) = status["models"]
    watched["engine"] = psutil.Process(model["pid"])
    callers = [threading.Thread(target=caller, args=(number,)) for number in range(N_CLIENTS)]
    for one in callers:
        one.start()
    time.sleep(WARM_S)
    memory: dict[str, list[int]] = {name: [] for name in watched}
    while time.monotonic() < end:
        for name, process in watched.items():
            memory[name].append(process.memory_info().rss)
        time.sleep(1)
    for one in callers:
        one.join()
    refusals_s.sort()
    p99_s = refusals_s[len(refusals_s) * 99 // 100] if refusals_s else 0.0
    said = [f"{statuses}, refusals p99 {p99_s * 1e3:.0f} ms as these callers see it"]
    for name, sizes in memory.items():
        quarter = len(sizes) // 4
        first, last = sorted(sizes[:quarter])[quarter // 2], sorted(sizes[-quarter:])[quarter // 2]
        said.append(f"{name} {first / MIB:.1f} -> {last / MIB:.1f} MiB")
        assert last < first * 1.05, (name, sizes)
    print("64 clients:", "; ".join(said))
    assert set(statuses) <= {200, 429}, statuses
    assert statuses[200] and statuses[429], statuses
