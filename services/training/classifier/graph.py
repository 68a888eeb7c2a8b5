"""A classifier as it is run: bytes of crops in, calibrated probabilities and strangeness out."""

import torch
from torch import nn
from torch.nn import functional

from services.training.calibration import Floats, Whitening


class ClassifierGraph(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """``crops`` uint8 N x crop x crop x 3 → ``probabilities`` float32 N x classes, ``distance`` float32 N.

    Probabilities are the softmax of logits divided by the temperature, with the offset of each class added.
    """

    offsets: torch.Tensor
    projection: torch.Tensor
    centres: torch.Tensor

    def __init__(
        self, network: nn.Module, size: int, temperature: float, offsets: Floats, whitening: Whitening
    ) -> None:
        super().__init__()
        self.network = network
        self.size = size
        self.temperature = temperature
        self.register_buffer("offsets", torch.from_numpy(offsets).float())
        self.register_buffer("projection", torch.from_numpy(whitening.projection).float())
        self.register_buffer("centres", torch.from_numpy(whitening.centres).float())

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, embedding = self.network(to_input(crops, self.size))
        placed = embedding @ self.projection
        apart = ((placed[:, None, :] - self.centres[None]) ** 2).mean(dim=2)
        return torch.softmax(logits / self.temperature + self.offsets, dim=1), apart.amin(dim=1)


def to_input(crops: torch.Tensor, size: int) -> torch.Tensor:
    """Crops (uint8, N x crop x crop x 3) as the network takes them: float, channels first, of its own size."""
    pixels = crops.permute(0, 3, 1, 2).float()
    if pixels.shape[-1] == size:
        return pixels
    return functional.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
