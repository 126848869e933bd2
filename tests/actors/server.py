"""A small HTTP server that looks like PocketBase, run by the tests as a real process."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers the health check, and writes down how it was asked."""

    def answer(self) -> None:
        """Answer any method."""
        print(self.command, self.path, self.headers.get("User-Agent"), flush=True)
        healthy = self.path == "/api/health"
        self.send_response(200 if healthy else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_OPTIONS = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


def main(port: int, data: Path) -> None:
    """Serve ``data`` on ``port`` with its database open."""
    with open(data / "data.db", "rb"):
        ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
