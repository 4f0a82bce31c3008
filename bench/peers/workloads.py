"""The workloads that all systems are measured on: what a task is, its data, the initial parameters.

A workload's name is a preset's short name, a twin, and what differs: `omniglot-20way`, `sinusoid,steps=5`,
`mini-imagenet-fomaml`, `omniglot-5way-anil,tasks=64`, `omniglot-5way,smooth=1` (gelu in the place of rectifiers, means
in that of maxima: nothing that rounding turns over). Sizes and rates are read from the presets, which maml.cpp trains
by. `export` writes NAME.safetensors (data and parameters) and NAME.toml (for maml.cpp); each system reads the former.
"""

import dataclasses
import pathlib
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESETS = {
    "sinusoid": "sinusoid-10shot",
    "omniglot-5way": "omniglot-5way-1shot",
    "omniglot-20way": "omniglot-20way-1shot",
    "mini-imagenet": "mini-imagenet-5way-1shot",
}
TWINS = ("fomaml", "anil")


def read_preset(name):
    """The tables of a preset, those of its base included."""
    config = tomllib.loads((ROOT / "presets" / f"{name}.toml").read_text())
    merged = read_preset(config.pop("base")) if "base" in config else {}
    for table, keys in config.items():
        merged.setdefault(table, {}).update(keys)
    return merged


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    preset: str
    algorithm: str  # maml, fomaml or anil
    tasks: int
    ways: int  # 0: regression
    shots: int
    query_shots: int
    steps: int
    alpha: float
    outer_rate: float
    input: tuple  # height, width, channels; (1,) for regression
    filters: int  # of each of the four convolutions; hidden units of the multilayer perceptron
    pool: bool  # 2 x 2 max-pooling after each block, in the place of stride 2 and a mean over pixels
    smooth: int = 0  # 1: gelu (by tanh) and mean-pooling, in the place of rectifiers and max-pooling

    @property
    def images(self):
        return self.ways > 0

    @property
    def support_rows(self):
        return max(self.ways, 1) * self.shots

    @property
    def query_rows(self):
        return max(self.ways, 1) * self.query_shots

    def loss_scale(self):
        """A loss is a sum over rows times (support, query): mean for regression; per support shot, as the original's
        alpha is meant, for images."""
        if self.images:
            return 1 / self.shots, 1 / self.shots
        return 1 / self.support_rows, 1 / self.query_rows

    def shapes(self):
        """Parameters by PyTorch's names, in PyTorch's layouts."""
        if not self.images:
            widths = (1, self.filters, self.filters, 1)
            return {
                f"linear{i}.{part}": shape
                for i in (1, 2, 3)
                for part, shape in (("weight", (widths[i], widths[i - 1])), ("bias", (widths[i],)))
            }
        shapes, channels, side = {}, self.input[2], self.input[0]
        for i in (1, 2, 3, 4):
            shapes[f"conv{i}.weight"] = (self.filters, channels, 3, 3)
            shapes[f"conv{i}.bias"] = shapes[f"norm{i}.bias"] = (self.filters,)
            channels, side = self.filters, side // 2 if self.pool else -(-side // 2)
        features = channels * side * side if self.pool else channels
        return shapes | {"linear1.weight": (self.ways, features), "linear1.bias": (self.ways,)}

    def adapts(self, parameter):
        """Whether the inner steps move that parameter: not the norms' biases; in ANIL the last layer only."""
        return parameter.startswith("linear") if self.algorithm == "anil" else not parameter.startswith("norm")

    def layers(self):
        """The model as maml.cpp's text."""
        if not self.images:
            hidden = [f"linear {self.filters}", "gelu" if self.smooth else "relu"]
            return [*hidden, *hidden, "linear 1"]
        block = [f"conv2d {self.filters} kernel=3 stride={1 if self.pool else 2} padding=same"]
        block += ["batch_norm mode=transductive gamma=false", "gelu" if self.smooth else "relu"]
        if self.pool:
            block += ["avg_pool 2" if self.smooth else "max_pool 2"]
        return [*(4 * block), "flatten" if self.pool else "global_mean", f"linear {self.ways}"]


def workload(name):
    """By name; raises ValueError naming what is wrong."""
    stem, *changes = name.split(",")
    base, _, twin = stem.rpartition("-")
    if twin not in TWINS:
        base, twin = stem, "maml"
    if base not in PRESETS:
        raise ValueError(f"unknown workload {name} (known: {', '.join(PRESETS)}, each with -fomaml or -anil)")
    config = read_preset(PRESETS[base])
    data, inner = config["data"], config["inner"]
    images = data["domain"] == "images"
    values = dict(
        name=name,
        preset=PRESETS[base],
        algorithm=twin,
        tasks=data["tasks"],
        ways=data["ways"] if images else 0,
        shots=data["shots"],
        query_shots=data["query_shots"],
        steps=inner["steps"],
        alpha=inner["alpha"],
        outer_rate=config["outer"]["rate"],
        input=tuple(config["model"]["input"]) if images else (1,),
        filters=int(config["model"]["layers"][0].split()[1].rpartition("-")[2]),
        pool="down=pool" in config["model"]["layers"][0],
    )
    for change in changes:
        key, _, value = change.partition("=")
        if key not in ("tasks", "ways", "shots", "query_shots", "steps", "filters", "smooth") or not value.isdigit():
            raise ValueError(f"{name}: cannot change {change}")
        values[key] = int(value)
    return Workload(**values)


def make_parameters(w, rng):
    """Glorot (He without images) weights, small biases: none is zero, so that a gradient left out would show."""
    import numpy as np

    parameters = {}
    for name, shape in w.shapes().items():
        if name.endswith("bias"):
            parameters[name] = 0.1 * rng.standard_normal(shape)
            continue
        receptive = int(np.prod(shape[2:]))
        fan_in, fan_out = shape[1] * receptive, shape[0] * receptive
        scale = (2 / (fan_in + fan_out)) ** 0.5 if w.images else (2 / fan_in) ** 0.5
        parameters[name] = scale * rng.standard_normal(shape)
    return {name: value.astype(np.float32) for name, value in parameters.items()}


def make_tasks(w, rng, count):
    """support.x, support.y, query.x, query.y of so many tasks: waves as in the paper; images are prototypes and noise.
    """
    import numpy as np

    if not w.images:
        amplitude, phase = rng.uniform(0.1, 5, (count, 1, 1)), rng.uniform(0, np.pi, (count, 1, 1))
        rows = w.support_rows + w.query_rows
        x = rng.uniform(-5, 5, (count, rows, 1))
        y = amplitude * np.sin(x - phase)
        x, y = x.astype(np.float32), y.astype(np.float32)
    else:
        prototypes = rng.uniform(0, 1, (count, w.ways, 1, *w.input)).astype(np.float32)

        def rows(shots):
            noise = rng.standard_normal((count, w.ways, shots, *w.input), dtype=np.float32)
            return (prototypes + 0.2 * noise).reshape(count, w.ways * shots, *w.input)

        x = np.concatenate([rows(w.shots), rows(w.query_shots)], 1)
        labels = [np.repeat(np.arange(w.ways), shots) for shots in (w.shots, w.query_shots)]
        y = np.broadcast_to(np.concatenate(labels).astype(np.int64), x.shape[:2])
    n = w.support_rows
    arrays = {"support.x": x[:, :n], "support.y": y[:, :n], "query.x": x[:, n:], "query.y": y[:, n:]}
    return {name: np.ascontiguousarray(value) for name, value in arrays.items()}


def export(w, folder, batches=2):
    """Writes the workload's two files; the tasks of `batches` meta-batches lie one after the other."""
    import numpy as np
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    arrays = make_parameters(w, rng) | make_tasks(w, rng, batches * w.tasks)
    save_file(arrays, folder / f"{w.name}.safetensors")
    layers = ", ".join(f'"{layer}"' for layer in w.layers())
    adapt = '["*", "!norm*"]' if w.images and w.algorithm != "anil" else "[]"
    (folder / f"{w.name}.toml").write_text(
        f'base = "{w.preset}"\n'
        f"[model]\nlayers = [{layers}]\n"
        f"[inner]\nsteps = {w.steps}\nalpha = {w.alpha}\nadapt = {adapt}\n"
        f'[outer]\nalgorithm = "{w.algorithm}"\nclip = 0\n'
        + ("[train]\nmemory_mib = 4096\n" if w.smooth else "")  # means and gelu keep more than maxima and rectifiers
        + f"[data]\nways = {max(w.ways, 1)}\nshots = {w.shots}\nquery_shots = {w.query_shots}\ntasks = {w.tasks}\n"
    )
