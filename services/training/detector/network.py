"""The detector's network: a small convolutional encoder and decoder with one peak for each cell.

After TTFNet (Liu et al., 2020): a heat map for each kind, and at each place the distances to the four sides of the cell
there. It looks at half resolution (0.274 µm/px) and answers at every fourth pixel of that, every eighth of the tile.
"""

import torch
from torch import nn
from torch.nn import functional

from services.training.classes import KINDS

HALVING = 2
STRIDE = 4
_SIDE_SCALE = 8.0
_RARE = -4.0


def _conv(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.second(self.first(x)))


class _Merge(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """Doubles a coarse map and adds the fine one of the encoder."""

    def __init__(self, coarse: int, fine: int, width: int) -> None:
        super().__init__()
        self.coarse = _conv(coarse, width, size=1)
        self.fine = _conv(fine, width, size=1)
        self.out = _conv(width, width)

    def forward(self, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        doubled = functional.interpolate(self.coarse(coarse), scale_factor=2.0, mode="nearest")
        merged: torch.Tensor = self.out(doubled + self.fine(fine))
        return merged


class DetectorNetwork(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """Half-resolution pixels (N x 3 x H x W, 0 to 255; H and W multiples of 32) → heat logits and side distances."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.BatchNorm2d(3), _conv(3, 16, 2), _conv(16, 32, 2))
        self.quarter = _Residual(32)
        self.eighth = nn.Sequential(_conv(32, 64, 2), _Residual(64))
        self.sixteenth = nn.Sequential(_conv(64, 128, 2), _Residual(128))
        self.deepest = nn.Sequential(_conv(128, 160, 2), _Residual(160))
        self.up_sixteenth = _Merge(160, 128, 96)
        self.up_eighth = _Merge(96, 64, 64)
        self.up_quarter = _Merge(64, 32, 32)
        self.heat = nn.Sequential(_conv(32, 32), nn.Conv2d(32, len(KINDS), 1))
        self.sides = nn.Sequential(_conv(32, 32), nn.Conv2d(32, 4, 1))
        nn.init.constant_(self.heat[-1].bias, _RARE)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Heat logits N x 3 x H/4 x W/4 and distances (left, up, right, down) N x 4 x H/4 x W/4.

        The distances are in pixels at half resolution, from the centre of each place.
        """
        quarter = self.quarter(self.stem(pixels))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        up = self.up_sixteenth(self.deepest(sixteenth), sixteenth)
        up = self.up_quarter(self.up_eighth(up, eighth), quarter)
        return self.heat(up), functional.softplus(self.sides(up)) * _SIDE_SCALE
