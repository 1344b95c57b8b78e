"""The default transport: a message is in the folder whole or not at all."""

from __future__ import annotations

import json
import threading

import pytest
from kombu import Connection
from kombu.transport import filesystem

from adplatform.folder_transport import FolderTransport


@pytest.fixture
def connection(tmp_path):
    folders = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    FolderTransport.global_state.clear()  # kombu remembers for the process what it has bound
    options = {option: str(tmp_path / name) for option, name in folders.items()}
    with Connection("filesystem://", transport=FolderTransport, transport_options=options) as connection:
        yield connection


def test_messages_arrive_in_order_and_for_their_queue(connection):
    with connection.SimpleQueue("gpu") as gpu, connection.SimpleQueue("default") as default:
        for number in range(3):
            gpu.put({"number": number})
            default.put({"number": -number})
        assert [gpu.get_nowait().payload["number"] for _ in range(3)] == [0, 1, 2]
        with pytest.raises(gpu.Empty):
            gpu.get_nowait()
        assert default.qsize() == 3


def test_nobody_ever_sees_half_a_file(connection, tmp_path, monkeypatch):
    """Whatever stands under a name that a reader looks for can be read, at every moment of a write."""
    seen = []

    def write_slowly(path, text, **kwargs):
        with path.open("w") as file:
            for character in text[:3]:
                file.write(character)
                file.flush()
                look()
            file.write(text[3:])
        look()

    def look():
        for pattern in ("queue/*.msg", "control/*.exchange"):
            for path in tmp_path.glob(pattern):
                seen.append(json.loads(path.read_text()))

    monkeypatch.setattr("pathlib.Path.write_text", write_slowly)
    with connection.SimpleQueue("default") as queue:
        queue.put({"number": 1})
        look()
        queue.put({"number": 2})
    assert len(seen) >= 3


def test_two_that_bind_at_once_both_stay(connection):
    exchange, ready = "celery", threading.Barrier(8)

    def bind(number):
        with connection.clone() as own:
            channel = own.channel()
            ready.wait(10)
            channel._queue_bind(exchange, f"key{number}", "", f"queue{number}")

    threads = [threading.Thread(target=bind, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = connection.channel().get_table(exchange)
    assert {row.queue for row in table} == {f"queue{number}" for number in range(8)}


def test_our_names_are_found_by_kombu_s_own_reader(connection):
    channel = connection.channel()
    channel._put("default", {"body": "whole"})
    assert filesystem.Channel._get(channel, "default") == {"body": "whole"}
