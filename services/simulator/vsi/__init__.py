"""Writes slides as a VS200 scanner leaves them on a share: `<name>.vsi` beside `_<name>_/stack<ID>/frame_t.ets`.

The files follow the published facts of the format and open in slideio and fastslide.
"""

from services.simulator.vsi.mosaic import BlockMosaic
from services.simulator.vsi.slide import write_slide
from services.simulator.vsi.stack import Codec, Image, Stack, StackKind

__all__ = ["BlockMosaic", "Codec", "Image", "Stack", "StackKind", "write_slide"]
