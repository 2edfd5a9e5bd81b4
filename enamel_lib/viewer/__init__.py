"""A map of hardness that one can touch, in a notebook or in a browser: the same page, fed by two ways.

Tiles of a map's pyramid, the page that shows them, and the table of virtual indents live here. What a map says, and how
it is made, does not (`dense`). The page is plain JavaScript without a build step: `drawing.js` and `viewer.js`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=["page", "tiles", "widget"],
    submod_attrs={"tiles": ["MapTiles"], "widget": ["MapViewer"]},
)
