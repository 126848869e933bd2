"""The API described for machines: ``/openapi.json``, and ``/docs`` for who reads it.

The description is made of the types that the code itself uses. How a call is described: put an
:class:`api.openapi.operation.Operation` into the table ``OPERATIONS`` beside its resource, and name
that table once in ``api/operations.py``. The bodies are the structs that the resource reads and
writes; an :class:`bus.answers.Answer` counts without its ``v`` and ``type``. The tests fail for a
route without a description, and schemathesis holds every description against a running server.
"""
