"""The settings of the projected discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from digitgan.recipes.families.base import setting


@final
@dataclass(frozen=True)
class ProjectedDiscriminatorRecipe:
    """A projected discriminator: image -> frozen feature network -> a head on the maps of each size -> sum of the scores.

    The feature network learns to classify the training images before the run (`training.feature_pretraining`) and stays as it
    is. The heads then find differences that matter for the classes much sooner than a network that begins with random weights
    (Sauer et al. 2021, arXiv:2111.01007, with the training images in place of a second image set).

    Attributes:
        family: "projected".
        auxiliary_classifier: If true, the discriminator also predicts the class of an image (Odena et al. 2017), by the
            classifier whose features it uses. Only the generator learns from it.
        label_input: Form of the label input: "none" or "projection" (the product of an embedding with the last features of
            each head, Miyato and Koyama 2018).
        width: Number of maps of the first stage of the feature network, 1 to 1024. The second has twice, later ones four times
            as many.
        head_width: Number of maps in the heads, 1 to 4096.
        image_width: Number of maps of the first layer of a further head on the image itself, 0 to 1024; later layers have 2 and
            4 times as many. It sees the texture that the feature network ignores. 0 omits it.
        features: Width of the last features of each head, 1 to 4096.
        slope: Slope of the heads' leaky ReLU below zero, in [0, 1].
    """

    family: str = setting("projected", names=("projected",))
    label_input: str = setting("projection", names=("none", "projection"))
    width: int = setting(32, low=1, high=1024)
    head_width: int = setting(48, low=1, high=4096)
    image_width: int = setting(16, low=0, high=1024)
    features: int = setting(96, low=1, high=4096)
    slope: float = setting(0.2, low=0.0, high=1.0)
    auxiliary_classifier: bool = setting(False)

    @property
    def conditional(self) -> bool:
        """Return whether the score depends on the label."""
        return self.label_input != "none"
