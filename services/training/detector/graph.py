"""The detector as it is run: bytes of tiles in, a fixed list of cells out, everything between inside the graph."""

import torch
from torch import nn
from torch.nn import functional

from services.analysis.pixels import TILE
from services.training.classes import KINDS
from services.training.detector.network import HALVING, STRIDE

SLOTS = 1024
_PEAK = {"erythrocyte": 5, "leukocyte": 7, "platelet": 3}
"""Side, in places of 1.1 µm, of the square in which only the highest of a kind is a cell."""


class DetectorGraph(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """``image`` uint8 N x 1152 x 1152 x 3 → ``cells`` float32 N x 1024 x 6, by falling score.

    Each cell is centre x, centre y, width, height (pixels of the tile), score, index of its kind; score 0 is no cell.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        halved = functional.avg_pool2d(image.permute(0, 3, 1, 2).float(), HALVING)
        heat, sides = self.network(halved)
        scores, places = self._peaks(torch.sigmoid(heat))
        across = TILE // (HALVING * STRIDE)
        kind = torch.div(places, across * across, rounding_mode="floor")
        place = places - kind * across * across
        row = torch.div(place, across, rounding_mode="floor")
        column = place - row * across
        left, top, right, bottom = self._at(sides, place)
        x, y = ((column + 0.5) * STRIDE).float(), ((row + 0.5) * STRIDE).float()
        found = (x + (right - left) / 2, y + (bottom - top) / 2, left + right, top + bottom)
        boxes = torch.stack(found, dim=-1) * HALVING
        return torch.cat([boxes, scores[..., None], kind[..., None].float()], dim=-1)

    def _peaks(self, heat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        highest = torch.cat(
            [functional.max_pool2d(heat[:, i : i + 1], _PEAK[k], 1, _PEAK[k] // 2) for i, k in enumerate(KINDS)], dim=1
        )
        alone = heat * (heat == highest).float()
        scores, places = torch.topk(alone.flatten(1), SLOTS, dim=1)
        return scores, places

    def _at(self, sides: torch.Tensor, place: torch.Tensor) -> tuple[torch.Tensor, ...]:
        chosen = torch.gather(sides.flatten(2), 2, place[:, None, :].expand(-1, 4, -1))
        return tuple(chosen.unbind(1))
