"""What is wrong with a template, read from what PocketBase writes."""

from __future__ import annotations

import pytest

from actors.complaint import template_fault

OBSERVED = [
    (
        "2026/11/24 14:46:35 failed to apply migration 17_bad.js: Error: no such thing at "
        "/srv/dbs/pb_user_ann.db/pb.js:4:9(5)",
        "pb_migrations/17_bad.js, line 4: Error: no such thing",
    ),
    (
        "Error: failed to apply migration 17_bad.js: ReferenceError: x is not defined at "
        "/srv/dbs/pb_user_ann.db/pb.js:4:17(4)",
        "pb_migrations/17_bad.js, line 4: ReferenceError: x is not defined",
    ),
    (
        "failed to apply migration 17_bad.js: sql: no rows in result set",
        "pb_migrations/17_bad.js: sql: no rows in result set",
    ),
    (
        "panic: registerMigrations: failed to run migration 17_bad.js: SyntaxError: SyntaxError: "
        "/srv/my dbs/x/pb.js: Line 2:13 Unexpected token ; (and 2 more errors)",
        "pb_migrations/17_bad.js, line 2: SyntaxError: Unexpected token ; (and 2 more errors)",
    ),
    (
        "panic: SyntaxError: SyntaxError: /srv/x/pb.js: Line 4:1 Unexpected end of input "
        "[recovered]\n\tpanic: failed to execute bad.pb.js:\n - SyntaxError: SyntaxError: "
        "/srv/x/pb.js: Line 4:1 Unexpected end of input",
        "pb_hooks/bad.pb.js, line 4: SyntaxError: Unexpected end of input",
    ),
    (
        "panic: Error: boom at /srv/x/pb.js:3:7(5) [recovered]\n\tpanic: failed to execute "
        "bad.pb.js:\n - Error: boom at /srv/x/pb.js:3:7(5)\n",
        "pb_hooks/bad.pb.js, line 3: Error: boom",
    ),
    (
        "failed to execute bad.pb.js:\n - GoError: Invalid module at github.com/x/y.z (native)",
        "pb_hooks/bad.pb.js: GoError: Invalid module at github.com/x/y.z (native)",
    ),
]


@pytest.mark.parametrize(("output", "fault"), OBSERVED)
def test_a_fault_is_told_by_file_line_and_message(output: str, fault: str) -> None:
    """Whatever the file, the line and the message are in, they are told in one way."""
    assert template_fault(output) == fault


def test_what_is_not_about_a_template_is_none() -> None:
    """Other failures name no file of a template."""
    assert template_fault("listen tcp 127.0.0.1:9000: bind: address already in use") is None
    assert template_fault("") is None
