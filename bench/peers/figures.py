"""Figures of the benchmarks' page."""


def draw(figure, title, axis, unit, lines):
    """A figure of straight axes, twice: beside each other all systems, and ours alone. Without matplotlib none."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "maml"
    drawn, axes = pyplot.subplots(1, 2, figsize=(9, 4), constrained_layout=True)
    for ax, only_ours in zip(axes, (False, True)):
        for name, points in lines.items():
            if points and (not only_ours or name.startswith("maml.cpp")):
                ours = name.startswith("maml.cpp")
                style = dict(lw=2.4, color="black") if ours else dict(lw=1.3)
                ax.plot(*zip(*points), marker="o", ms=4, label=name, **style)
        ax.set(xlabel=axis, ylabel=unit, xlim=(0, None), ylim=(0, None))
        ax.grid(alpha=0.3)
    drawn.suptitle(title, fontsize=10)
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    figure.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(figure, metadata={"Date": None})
    pyplot.close(drawn)
    return True
