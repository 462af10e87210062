"""The record: whole or absent, private, and never believed blindly."""

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rushlight.assistant.host.record import HostRecord, read_record, remove_record, write_record

RECORD = HostRecord("/run/x.sock", "secret", os.getpid(), "0.1.0")


def test_round_trip_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    write_record(path, RECORD)
    write_record(path, RECORD)
    assert read_record(path) == RECORD
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["host.json"], "nothing staged is left"
    assert remove_record(path) and remove_record(path)
    assert read_record(path) is None


def test_the_record_of_another_host_stays(tmp_path: Path) -> None:
    """Its data folder was replaced under the first host, which ends after the second has begun."""
    path = tmp_path / "host.json"
    other = HostRecord("/run/x.sock", "secret", os.getpid() + 1, "0.1.0")
    write_record(path, other)
    assert not remove_record(path)
    assert read_record(path) == other


def test_a_leftover_of_a_killed_writer_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    (tmp_path / f"host.json.{os.getpid()}.new").write_text("half")
    write_record(path, RECORD)
    assert read_record(path) == RECORD


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_damage_is_no_record(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(data)
    assert read_record(path) is None


def test_a_link_is_no_record(tmp_path: Path) -> None:
    write_record(tmp_path / "elsewhere", RECORD)
    (tmp_path / "host.json").symlink_to(tmp_path / "elsewhere")
    assert read_record(tmp_path / "host.json") is None
