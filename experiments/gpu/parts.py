"""The parts of the measurement by name, in the order in which they are done."""

from collections.abc import Callable
from typing import Any

from beside import scaling, suite
from graphs import populations, products_of_small_models, surfaces
from place import Place
from precision import digits_cnn, resnet20
from products import imagenet_shape, small_images
from rates import rates
from waits import waits

PARTS: dict[str, Callable[[Place], dict[str, Any]]] = {
    "rates": rates,
    "resnet18-32": small_images,
    "resnet18-224": imagenet_shape,
    "waits": waits,
    "precision-digits-cnn": digits_cnn,
    "precision-resnet20": resnet20,
    "surfaces": surfaces,
    "populations": populations,
    "small-products": products_of_small_models,
    "suite": suite,
    "scaling": scaling,
}
