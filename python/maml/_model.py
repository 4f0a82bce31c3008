from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _arrays, _maml, _options
from ._maml import Error


class Model:
    """A list of layers over named parameters, and a loss.

        maml.Model(input=[28, 28, 1], layers=["conv2d 64 kernel=3 stride=2 padding=same", "batch_norm", "relu",
                                              "global_mean", "linear 5"], loss="cross_entropy")
        maml.Model(open("my.toml").read())      # the table [model] of a config
        maml.Model.preset("omniglot-5way-1shot")

    input: extents of one input: [n], or [height, width, channels]. layers: each as text, as in a config. loss:
    "mse", "cross_entropy" or "policy_gradient". normalisation: "mean" or "sum/shots", what a loss is divided by.
    Immutable; may be used by many threads at once. Throws maml.Error that names the layer and the mend.
    """

    def __init__(self, text: str | None = None, *, input: Sequence[int] | None = None,
                 layers: Sequence[str] | None = None, loss: str = "mse", normalisation: str = "mean"):
        if (text is None) == (layers is None):
            raise Error("[model] wants the text of a config, or input= and layers= (and not both)")
        if text is not None:
            self._set(_maml.Options.parse(_arrays.text(text, "text"), "model"))
        elif input is None:
            raise Error("[model.input] is missing (write [n], or [height, width, channels])")
        else:
            extents = _arrays.extents(input, "model.input")
            texts = [_arrays.text(layer, "model.layers") for layer in _arrays.items(layers, "model.layers", "texts")]
            own = _maml.Model(extents, texts, _arrays.text(loss, "loss"), _arrays.text(normalisation, "normalisation"))
            self._set(_options.make({"model_input": extents, "model_layers": texts, "model_loss": loss,
                                     "model_normalisation": normalisation}), own)

    @classmethod
    def _of_options(cls, options: Any) -> "Model":
        model = cls.__new__(cls)
        model._set(options)
        return model

    @classmethod
    def preset(cls, name: str) -> "Model":
        """The model of a preset (maml.presets() lists them)."""
        return cls._of_options(_maml.Options.preset(_arrays.text(name, "preset")))

    def _set(self, options: Any, own: Any = None) -> None:
        self._options = options
        self._own = own = _maml.Model(options) if own is None else own
        self.input: tuple[int, ...] = tuple(own.input)
        """Extents of one input."""
        self.outputs: int = own.outputs
        """Values the model gives for one input."""
        self.targets: int = own.targets
        """Values of y a row (1 for labels)."""
        self.is_classifier: bool = own.loss == "cross_entropy"

    @property
    def loss(self) -> str:
        """Its name: mse, cross_entropy or policy_gradient."""
        return self._own.loss

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters, as PyTorch has them."""
        return self._own.shapes

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self._own.size

    def init(self, seed: int = 0, dtype: Any = "float32") -> dict[str, np.ndarray]:
        """Initial parameters by name, a function of the seed alone: conv1.weight (out, in, kh, kw), linear1.weight
        (out, in), .. The values are those of float32 in either dtype."""
        return _arrays.initial(self._own, seed, dtype)

    def __repr__(self) -> str:
        return f"maml.Model(input={list(self.input)}, {self.size} parameters, loss={self.loss!r})"
