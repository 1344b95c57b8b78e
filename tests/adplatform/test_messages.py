"""Tasks travel as JSON alone: a pickle in the broker is refused before it is opened."""

from __future__ import annotations

import pickle

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.serialization import dumps, loads, prepare_accept_content

from adplatform.celery import app


class Payload:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


@pytest.mark.parametrize("content_type", ["application/x-python-serialize", "application/x-yaml", "yaml"])
def test_the_worker_opens_nothing_but_json(content_type):
    accepted = prepare_accept_content(app.conf.accept_content)
    assert accepted == {"application/json"}
    assert app.conf.result_accept_content is None, "it then takes what tasks may be"
    with pytest.raises(ContentDisallowed):
        loads(pickle.dumps(Payload()), content_type, "binary", accept=accepted)
    kind, encoding, body = dumps({"job": "1"}, serializer=app.conf.task_serializer)
    assert loads(body, kind, encoding, accept=accepted) == {"job": "1"}
