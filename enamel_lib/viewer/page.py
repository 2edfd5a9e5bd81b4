"""The page of a map, served to a browser on this machine: `enamel view MAP.zarr`, without Jupyter."""

import json
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from enamel_lib.errors import InputError
from enamel_lib.viewer.tiles import MapTiles

FOLDER = Path(__file__).parent
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><link rel="stylesheet"
href="viewer.css"><body><main id="viewer"></main><script type="module">import {{ open }} from "./viewer.js";
open(document.getElementById("viewer"));</script></body></html>"""
SCRIPT = "".join((FOLDER / name).read_text(encoding="utf-8") for name in ("drawing.js", "viewer.js"))
STYLE = (FOLDER / "viewer.css").read_text(encoding="utf-8")


def serve(store: Path, port: int = 0) -> ThreadingHTTPServer:
    """Serve a map's page on this machine only; `serve_forever` of what comes back does it, `server_port` is where."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, MapTiles(store)))


class _Handler(BaseHTTPRequestHandler):
    """Answers a page's requests from a map's tiles."""

    def __init__(self, tiles: MapTiles, *arguments) -> None:
        self._tiles = tiles
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Give the page, or what it asks for."""
        asked = urlsplit(self.path)
        name = asked.path.strip("/")
        try:
            given = {key: [float(each) for each in values] for key, values in parse_qs(asked.query).items()}
            match name:
                case "":
                    self._send(PAGE.format(name=self._tiles.store.stem).encode(), "text/html")
                case "viewer.js":
                    self._send(SCRIPT.encode(), "text/javascript")
                case "viewer.css":
                    self._send(STYLE.encode(), "text/css")
                case "about":
                    self._send(json.dumps(self._tiles.about()).encode(), "application/json")
                case "tile":
                    parts = self._tiles.tile(*(int(given[key][0]) for key in ("level", "row", "col")))
                    self._send(b"".join(parts), "application/octet-stream")
                case "read":
                    found = self._tiles.read(int(given["row"][0]), int(given["col"][0]))
                    self._send(json.dumps(found).encode(), "application/json")
                case "profile":
                    found = self._tiles.profile(given["start"], given["end"])
                    self._send(json.dumps(found).encode(), "application/json")
                case _:
                    self.send_error(HTTPStatus.NOT_FOUND)
        except (InputError, KeyError, ValueError) as error:
            self.send_error(HTTPStatus.BAD_REQUEST, str(error)[:100])

    def _send(self, content: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        """Say nothing of each request."""
