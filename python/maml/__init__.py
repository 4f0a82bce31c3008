"""maml: initial parameters from which a model adapts to a new task in a few gradient steps.

    import maml
    model = maml.Model(input=[1], layers=["linear 40", "relu", "linear 40", "relu", "linear 1"])
    params = model.init(seed=0)
    result = maml.meta_gradient(model, params, (support_x, support_y), (query_x, query_y), inner_lr=0.01, inner_steps=1)

Weights have PyTorch's names and layouts: convolutions (out, in, kh, kw), linear layers (out, in). Images are N, H, W, C
in [0, 1]. Errors are maml.Error, a ValueError.
"""

import os as _os
from pathlib import Path as _Path

if (_folder := _Path(__file__).parent / "presets").is_dir():
    _os.environ.setdefault("MAML_PRESETS", str(_folder))

from ._maml import Error, algorithms, isa, presets
from ._maml import version as __version__
from ._model import Model
from ._objective import Objective
from ._engine import Adaptation, MetaGradient, gradient, hvp, loss, meta_gradient
from ._learner import AdaptedModel, MetaLearner, Score
from ._options import Option, options
from ._progress import Progress

__all__ = ["AdaptedModel", "Adaptation", "Error", "MetaGradient", "MetaLearner", "Model", "Objective", "Option",
           "Progress", "Score", "__version__", "algorithms", "gradient", "hvp", "isa", "loss", "meta_gradient", "options",
           "presets"]
