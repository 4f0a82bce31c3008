"""A progress bar in terminals and notebooks."""

import sys
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """Where a fit stands; what its callback gets."""

    iteration: int
    """Meta-iterations done, from the learner's first fit on."""
    iterations: int
    """Those there will be at the end of this fit."""
    loss: float
    """Mean query loss after adaptation over the tasks of the iteration (in `history`: of the row's iterations)."""
    before: float
    """Metric before adaptation, on the support data."""
    after: float
    """Metric after adaptation, on the query data."""
    metric: str
    """mse, accuracy (0 to 1) or loss."""
    rate: float
    """The outer rate."""


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    try:
        return shell is not None and "IPKernelApp" in shell.get_ipython().config
    except AttributeError:
        return False


class Bar:
    """wanted: True, False, or None: where somebody looks."""

    def __init__(self, wanted: bool | None, start: int, end: int):
        self._bar: Any = None
        if wanted or (wanted is None and (sys.stderr.isatty() or _in_notebook())):
            from tqdm.auto import tqdm  # looks, as it is imported, whether it is in a notebook
            self._bar = tqdm(total=end - start, unit="it", dynamic_ncols=True)

    def advance(self, count: int, now: Progress) -> None:
        if self._bar is not None:
            self._bar.set_postfix({"loss": f"{now.loss:.4g}", now.metric: f"{now.before:.4g} -> {now.after:.4g}"},
                                  refresh=False)
            self._bar.update(count)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
