"""A Hugging Face Hub on loopback, as far as reading a data set goes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Hub:
    """repo: its only data set, with the files of `folder`. mangled: files that come wrong
    where they are fetched whole."""

    repo: str
    folder: Path
    url: str = ""
    requests: list[str] = field(default_factory=list)  # "GET resolve/data/x 0-99"
    mangled: set[str] = field(default_factory=set)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub: Hub

    def log_message(self, *args: object) -> None:
        pass

    def _entry(self, path: Path) -> dict[str, Any]:
        name = path.relative_to(self.hub.folder).as_posix()
        if path.is_dir():
            return {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
        data = path.read_bytes()
        large = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        commit = {"id": "3" * 40, "title": "Pictures", "date": "2026-01-01T00:00:00.000Z"}
        entry = {"type": "file", "path": name, "oid": "1" * 40, "size": len(data), "lfs": large}
        return {**entry, "lastCommit": commit}

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        api = f"/api/datasets/{self.hub.repo}"
        if path.startswith(f"/datasets/{self.hub.repo}/resolve/main/"):
            return self._file(path.partition("/resolve/main/")[2])
        if path in (api, f"{api}/revision/main"):
            return self._json({"id": self.hub.repo, "sha": "2" * 40, "siblings": []})
        if path == f"{api}/paths-info/main":
            sent = self.headers.get("Content-Type", "")
            fields = json.loads(body) if "json" in sent else parse_qs(body.decode())
            there = [self.hub.folder / name for name in fields["paths"]]
            return self._json([self._entry(one) for one in there if one.exists()])
        if path.startswith(f"{api}/tree/main"):
            place = self.hub.folder / path.removeprefix(f"{api}/tree/main").strip("/")
            deep = "recursive=true" in self.path.lower()
            if place.is_dir():
                found = sorted(place.rglob("*") if deep else place.iterdir())
                return self._json([self._entry(one) for one in found])
        return self._answer(404, b"", "text/plain", "Entry" if path.startswith(api) else "Repo")

    def _file(self, name: str) -> None:
        place, wanted = self.hub.folder / name, self.headers.get("Range", "")
        self.hub.requests.append(f"{self.command} {name} {wanted.removeprefix('bytes=')}".strip())
        if not place.is_file():
            return self._answer(404, b"", "text/plain", "Entry")
        data = place.read_bytes()
        if name in self.hub.mangled and wanted == f"bytes=0-{len(data) - 1}":
            data = bytes(len(data))
        if not wanted:
            return self._answer(200, data, "application/octet-stream")
        start, end = (int(number) for number in wanted.removeprefix("bytes=").split("-"))
        return self._answer(206, data[start : end + 1], "application/octet-stream")

    def _json(self, content: Any) -> None:
        self._answer(200, json.dumps(content).encode(), "application/json")

    def _answer(self, status: int, content: bytes, kind: str, missing: str = "") -> None:
        self.send_response_only(status)
        if missing:
            self.send_header("X-Error-Code", f"{missing}NotFound")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_HEAD = _any


@contextmanager
def hub(repo: str, folder: Path) -> Iterator[Hub]:
    """Start one; it ends with the block."""
    handler = type("Handler", (_Handler,), {"hub": Hub(repo, folder)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield handler.hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
