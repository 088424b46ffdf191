"""A plain HTTP client of the API server, for what tests set up and look at: no product code, no kubectl."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_SECONDS = 30.0


class RequestFailed(Exception):
    """No answer (status 0), or one that is no success; ``body`` is what came with it."""

    def __init__(self, method: str, path: str, status: int, body: str) -> None:
        super().__init__(f"{method} {path}: {status} {body}")
        self.status = status
        self.body = body


class ApiClient:
    def __init__(self, url: str, *, ca_file: Path, certificate_file: Path, key_file: Path) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        context.load_cert_chain(certificate_file, key_file)
        self._url = url
        self._pool = urllib3.PoolManager(
            maxsize=8, ssl_context=context, retries=False, timeout=_TIMEOUT_SECONDS, headers={"User-Agent": "testbed"}
        )

    def request(self, method: str, path: str, body: Any = None, *, content_type: str = "application/json") -> Any:
        """The JSON that the API server answers."""
        status, text = self.fetch(path, method=method, body=body, content_type=content_type)
        if not 200 <= status < 300:
            raise RequestFailed(method, path, status, text)
        return json.loads(text)

    def fetch(
        self, path: str, *, method: str = "GET", body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, str]:
        """Status and text of any answer; status 0 when there was none."""
        data = None if body is None else json.dumps(body)
        url = path if path.startswith("https:") else self._url + path
        try:
            answer = self._pool.request(method, url, body=data, headers={"Content-Type": content_type})
        except urllib3.exceptions.HTTPError as exc:
            return 0, str(exc)
        return answer.status, answer.data.decode()

    def disconnect(self) -> None:
        self._pool.clear()
