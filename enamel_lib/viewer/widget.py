"""The page of a map as a widget of notebooks, by the contract of anywidget's modules and nothing else.

So it should run wherever widgets do; it was run in JupyterLab, and in a page that has only the contract.

>>> viewer = MapViewer("tooth-hardness.zarr")
>>> viewer                # zoom, pan, click
>>> viewer.indents()      # DataFrame of what was clicked
"""

import base64
import io
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from enamel_lib.errors import InputError
from enamel_lib.viewer import page
from enamel_lib.viewer.tiles import MapTiles

COLUMNS = ("row", "col", "x_um", "y_um", "gpa", "low_gpa", "high_gpa")


class MapViewer(anywidget.AnyWidget):
    """A map that can be zoomed, read and indented; where nothing answers, as on a site, a still picture of it."""

    _esm = page.SCRIPT
    _css = page.STYLE
    about = traitlets.Dict().tag(sync=True)
    table = traitlets.List().tag(sync=True)

    def __init__(self, store: Path | str) -> None:
        self._tiles = MapTiles(store)
        super().__init__(about=self._tiles.about())
        self.on_msg(self._answer)

    def indents(self) -> pd.DataFrame:
        """Give the virtual indents that were dropped: cells, um from the upper left corner, and GPa."""
        found = pd.DataFrame(self.table)
        return found.reindex(columns=[name for name in COLUMNS if name in found or name in COLUMNS[:5]])

    def _answer(self, _, content: dict[str, Any], buffers: list) -> None:
        asked, parts = content["asked"], []
        try:
            if content["what"] == "tile":
                parts, answer = list(self._tiles.tile(asked["level"], asked["row"], asked["col"])), {}
            elif content["what"] == "read":
                answer = self._tiles.read(asked["row"], asked["col"])
            else:
                answer = self._tiles.profile(asked["start"], asked["end"])
        except InputError as error:
            answer = {"error": str(error)}
        self.send({"number": content["number"], "answer": answer}, buffers=parts)

    def _repr_mimebundle_(self, **options) -> Any:
        """The widget, and a still picture for where there is no kernel to ask."""
        bundle = super()._repr_mimebundle_(**options)
        data = dict(bundle[0] if isinstance(bundle, tuple) else bundle or {})
        data["image/png"] = base64.b64encode(self.still()).decode()
        return data

    def still(self) -> bytes:
        """Give the whole map, picture and hardness, as PNG."""
        from matplotlib.figure import Figure

        rgb, hardness = self._tiles.still()
        figure = Figure(figsize=(7, 7 * hardness.shape[0] / hardness.shape[1] / 2 + 0.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.imshow(rgb)
        low, high = self.about["limits"]
        drawn = right.imshow(hardness, vmin=low, vmax=high)
        for ax in (left, right):
            ax.set_axis_off()
        figure.colorbar(drawn, ax=right, label="hardness (GPa)", shrink=0.8)
        out = io.BytesIO()
        figure.savefig(out, dpi=100, metadata={"Software": None})
        return out.getvalue()
