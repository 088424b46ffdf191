"""The floor of a webhook: the same server and framework, with an app that always says yes.

``python -m benchmarks.yes PORT DIRECTORY``: serves until it is killed; DIRECTORY gets its CA as ``ca.crt``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson
from flask import Flask, Response, request

from kubectl_gitops.serving.endpoint import Endpoint
from webhook.app import MAX_BODY_BYTES
from webhook.certs import new_authority, write_leaf
from webhook.gateway import Gateway
from webhook.listener import Listener, listen
from webhook.review import respond


def create_app() -> Flask:
    app = Flask(__name__, static_folder=None)

    @app.post("/validate", provide_automatic_options=False)
    def validate() -> Response:
        review = orjson.loads(request.get_data(cache=False))
        answer = respond(review["request"]["uid"], allowed=True)
        return Response(orjson.dumps(answer), content_type="application/json")

    return app


async def serve(port: int, directory: Path) -> None:
    authority, app = new_authority(), create_app()
    listener = Listener(
        listen(Endpoint("127.0.0.1", port)), lambda: Gateway(app, max_body_bytes=MAX_BODY_BYTES), log_level="error"
    )
    listener.serve(write_leaf(authority.issue(["127.0.0.1"]), directory))
    (directory / "ca.crt").write_bytes(authority.certificate_pem)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
