"""Stores on loopback (S3, Google's), and a proxy before one that fails as stores do."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

from imagenet_tools import storage
from imagenet_tools.storage import stores

SECRET = "correct-horse-battery-staple"
BUSY = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)
HOP = {"connection", "transfer-encoding"}


@dataclass(frozen=True)
class Request:
    """What a client asked for; number counts the requests from 0."""

    number: int
    method: str
    key: str  # bucket/name
    query: dict[str, list[str]]
    copy_of: str = ""
    sent: int = 0

    @property
    def writes(self) -> bool:
        return self.method == "PUT" and not self.copy_of


Fault = Callable[[Request], str | None]


@dataclass
class Proxy:
    """fault: says for each request how it fails: "refuse" (503 SlowDown), "drop" (the connection
    closes unanswered), "lose" (done, but the answer is lost), "truncate" (half of the body is
    stored and the client told that all went well), "mangle" (a byte of the body is changed),
    "shorten" (half of the answer comes), "slow"."""

    port: int
    origin: int
    fault: Fault = lambda request: None
    requests: list[Request] = field(default_factory=list)
    served: int = 0  # bytes of bodies
    after: Callable[[Request], None] = lambda request: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        self.fault, self.after, self.served = lambda request: None, lambda request: None, 0
        self.requests.clear()


@cache
def _loader(paths: str | None) -> Any:
    """botocore's reader of what it knows of services: kept, since it takes long to read."""
    from botocore.loaders import create_loader

    return create_loader(paths)


@contextmanager
def bucket(proxy: Proxy, name: str, cache: Path) -> Iterator[Any]:
    """The file system of a new bucket behind the proxy, as this process and its children see it.

    Working copies go to `cache`. The proxy is well before and after.
    """
    own = {
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",  # botocore's own waits take long
        storage.CACHE: str(cache),
    }
    proxy.reset()
    with (
        mock.patch.dict(os.environ, own),
        mock.patch.object(stores, "WAIT", 0.001),
        mock.patch("botocore.session.create_loader", _loader),
    ):
        stores._filesystem.cache_clear()
        fs, _ = stores.filesystem(f"s3://{name}")
        with mock.patch.object(type(fs), "retries", 1):  # ours are under test
            fs.mkdir(name)
            yield fs
        proxy.reset()
        stores._filesystem.cache_clear()
        type(fs).clear_instance_cache()  # the next server has another port


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client to confirm
    proxy: Proxy

    def log_message(self, *args: object) -> None:
        pass

    def _any(self) -> None:
        proxy, parts = self.proxy, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(
            len(proxy.requests), self.command, unquote(parts.path).strip("/"),
            parse_qs(parts.query), self.headers.get("x-amz-copy-source", ""), len(body),
        )  # fmt: skip
        proxy.requests.append(request)
        fault = proxy.fault(request)
        if fault == "drop":
            return self._hang_up()
        if fault == "refuse":
            return self._answer(503, {"Content-Type": "application/xml"}, BUSY)
        if fault == "slow":
            time.sleep(0.1)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
        if fault == "truncate":
            body = body[: len(body) // 2]
            told = ("x-amz-checksum", "x-amz-sdk", "content-md5", "content-length")
            headers = {k: v for k, v in headers.items() if not k.lower().startswith(told)}
            headers["Content-Length"] = str(len(body))
        if fault == "mangle":
            at = len(body) // 2
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        origin = http.client.HTTPConnection("127.0.0.1", proxy.origin, timeout=600)
        origin.request(self.command, self.path, body or None, headers)
        answer = origin.getresponse()
        content = answer.read()
        origin.close()
        proxy.after(request)
        if fault == "lose":
            return self._hang_up()
        proxy.served += len(content)
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in HOP}
        return self._answer(answer.status, kept, content, half=fault == "shorten")

    def _answer(
        self, status: int, headers: dict[str, str], content: bytes, half: bool = False
    ) -> None:
        self.send_response_only(status)
        if self.command != "HEAD":
            headers = {k: v for k, v in headers.items() if k.lower() != "content-length"}
            headers["Content-Length"] = str(len(content))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if half else content)
        if half:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _any


WAITING = 128  # connections: a file system makes many at once, and one too many waits for a second


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = WAITING

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away (killed by a test) is no error of the server's."""


@contextmanager
def proxy_of(origin: int) -> Iterator[Proxy]:
    """A proxy before the server at this port, for as long as the block."""
    handler = type("Handler", (_Handler,), {})
    front = _Server(("127.0.0.1", 0), handler)
    proxy = handler.proxy = Proxy(front.server_address[1], origin)  # type: ignore[attr-defined]
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        front.shutdown()
        front.server_close()
        thread.join()


@contextmanager
def store() -> Iterator[Proxy]:
    """Start the S3 server and the proxy before it; both end with the block."""
    from moto.server import DomainDispatcherApplication, ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    # Else it looks through all of Amazon's services at each request: 15 ms.
    s3_alone = mock.patch.object(
        DomainDispatcherApplication, "get_backend_for_host", lambda self, host: "s3"
    )
    with s3_alone:
        server.start()
        try:
            with proxy_of(server.get_host_and_port()[1]) as proxy:
                yield proxy
        finally:
            server.stop()


@contextmanager
def google_store() -> Iterator[Proxy]:
    """Start an emulator of Google's store, in memory, and the proxy before it."""
    from gcp_storage_emulator import server as emulator

    logging.getLogger(emulator.__name__).setLevel(logging.CRITICAL)
    server = emulator.create_server("127.0.0.1", 0, in_memory=True)
    # Else each answer waits 40 ms for the client to confirm.
    emulator.RequestHandler.disable_nagle_algorithm = True
    with mock.patch.object(HTTPServer, "request_queue_size", WAITING):
        server.start()
    try:
        with proxy_of(server._api._httpd.server_address[1]) as proxy:
            yield proxy
    finally:
        server.stop()


@contextmanager
def google_bucket(proxy: Proxy, name: str, cache: Path) -> Iterator[Any]:
    """As `bucket`, of the emulator."""
    import gcsfs.retry

    own = {"STORAGE_EMULATOR_HOST": proxy.url, storage.CACHE: str(cache)}
    at_once = SimpleNamespace(sleep=lambda seconds: asyncio.sleep(0))
    proxy.reset()
    with (
        mock.patch.dict(os.environ, own),
        mock.patch.object(stores, "WAIT", 0.001),
        mock.patch.object(gcsfs.retry, "asyncio", at_once),  # its own waits take long
    ):
        stores._filesystem.cache_clear()
        fs, _ = stores.filesystem(f"gs://{name}")
        fs.mkdir(name)
        yield fs
        proxy.reset()
        stores._filesystem.cache_clear()
        type(fs).clear_instance_cache()  # the next server has another port
