"""A classifier as it is run: bytes of crops in, calibrated probabilities and strangeness out."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from services.training.calibration import Floats, Whitening
from services.training.classifier.design import Design


class ClassifierGraph(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """``crops`` uint8 N x crop x crop x 3 → ``probabilities`` float32 N x classes, ``distance`` float32 N.

    Probabilities are the softmax of logits divided by the temperature, with the offset of each class added. Where there
    are attributes, a third output, ``attributes`` float32 N x values, has the probabilities of each one's values.
    """

    offsets: torch.Tensor
    projection: torch.Tensor
    centres: torch.Tensor
    middle: torch.Tensor
    bearings: torch.Tensor

    def __init__(
        self,
        network: nn.Module,
        design: Design,
        temperature: float,
        offsets: Floats,
        whitening: Whitening,
        told: Sequence[tuple[slice, float]] = (),
    ) -> None:
        """``told`` are the columns of each attribute's values, and its temperature."""
        super().__init__()
        self.network = network
        self.size = design.size
        self.angular = design.angular
        self.temperature = temperature
        self.told = told
        self.register_buffer("offsets", torch.from_numpy(offsets).float())
        self.register_buffer("projection", torch.from_numpy(whitening.projection).float())
        self.register_buffer("centres", torch.from_numpy(whitening.centres).float())
        self.register_buffer("middle", torch.from_numpy(whitening.middle).float())
        self.register_buffer("bearings", torch.from_numpy(whitening.bearings).float())

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        logits, embedding, values = self.network(to_input(crops, self.size))
        placed = embedding @ self.projection
        distance = self._angle(placed) if self.angular else self._apart(placed)
        probabilities = torch.softmax(logits / self.temperature + self.offsets, dim=1)
        if not self.told:
            return probabilities, distance
        each = [torch.softmax(values[:, span] / temperature, dim=1) for span, temperature in self.told]
        return probabilities, distance, torch.cat(each, dim=1)

    def _apart(self, placed: torch.Tensor) -> torch.Tensor:
        return ((placed[:, None, :] - self.centres[None]) ** 2).mean(dim=2).amin(dim=1)

    def _angle(self, placed: torch.Tensor) -> torch.Tensor:
        return 1 - (functional.normalize(placed - self.middle, dim=1) @ self.bearings.T).amax(dim=1)


def to_input(crops: torch.Tensor, size: int) -> torch.Tensor:
    """Crops (uint8, N x crop x crop x 3) as the network takes them: float, channels first, of its own size."""
    pixels = crops.permute(0, 3, 1, 2).float()
    if pixels.shape[-1] == size:
        return pixels
    return functional.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
