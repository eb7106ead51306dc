"""A small web server that serves one file or several, and misbehaves on request."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Behaviour:
    """What the server serves and how; `requests` collects the Range header of each request."""

    def __init__(
        self,
        content,
        *,
        ranges=True,
        etag='"v1"',
        drops=(),
        statuses=(),
        length=True,
        before=None,
        answer=None,
    ):
        self.content = content
        self.ranges = ranges
        self.etag = etag
        self.drops = list(drops)
        self.statuses = list(statuses)
        self.length = length
        self.before = before
        self.answer = answer
        self.requests = []
        self.base = ""
        self.url = ""


@contextmanager
def serve(content, **behaviour):
    """Serve `content` on a free local port.

    Args:
        content: bytes, whatever is asked for; or a dict of them by path (`/folder/file`).
        ranges: whether Range requests are honoured.
        etag: sent along, or None.
        drops: for each of the first requests, after how many bytes the connection is cut.
        statuses: for each of the first requests, an HTTP error to answer with, or None.
        length: whether Content-Length is sent.
        before: is called with each request's handler before it is answered.
        answer: sends the whole answer instead, given the handler.
    """
    state = Behaviour(content, **behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            state.requests.append(wanted)
            if state.before:
                state.before(self)
            if state.answer:
                state.answer(self)
                return
            status = state.statuses.pop(0) if state.statuses else None
            if status:
                self.send_error(status)
                return
            by_path = isinstance(state.content, dict)
            content = state.content.get(self.path) if by_path else state.content
            if content is None:
                self.send_error(404)
                return
            start = self._start(wanted)
            if start is not None and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = content[start or 0 :]
            self.send_response(200 if start is None else 206)
            if start is not None:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            if state.etag:
                self.send_header("ETag", state.etag)
            if state.length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            drop = state.drops.pop(0) if state.drops else None
            self.wfile.write(body[:drop])

        def _start(self, wanted):
            condition = self.headers.get("If-Range")
            if not wanted or not state.ranges or (condition and condition != state.etag):
                return None
            return int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *arguments: None  # clients that hang up are part of the tests
    state.base = f"http://127.0.0.1:{server.server_port}"
    state.url = f"{state.base}/data.bin"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
