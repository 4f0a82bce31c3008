"""Which system is measured on which workload, in which forms, how often; and the store of what was measured."""

import dataclasses
import importlib.machinery
import json
import time

import workloads

MOST_DIFFERENCE = 1e-4  # of two predictions in float32, over the largest output
# Relative differences of meta-gradients. In float32 a system may differ from float64 by so many times what maml.cpp's
# float32 does. Of images it may also differ by what a few rectifiers and poolings that rounding turns over are worth: they
# make some systems differ so on some workloads, maml.cpp too; so forms are checked on SMOOTH too, which have none. Never
# by more than MOST_EVER, wherever maml.cpp's own rounding error is large.
MOST_FLOAT64, MOST_UNITS, MOST_TURNED, MOST_EVER = 1e-6, 30, 0.05, 0.3
# Of Adam's first moments after so many iterations, in float64, where no rounding turns anything over: PyTorch's Adam adds
# its epsilon at another place.
ITERATIONS, MOST_MOMENTS = 3, 1e-3
# Of a measurement of the main tables and of adaptation; others take half, starts and memory one iteration or a few.
SECONDS = 1
SYSTEMS = ("maml", "jax", "torch", "learn2learn", "higher")
SECTIONS = ("second-order", "adapt", "twins", "memory", "scaling", "start")

MAIN = ("sinusoid", "sinusoid,steps=5", "omniglot-5way", "omniglot-20way", "mini-imagenet")
TWINS = (
    "sinusoid-fomaml",
    "omniglot-5way-fomaml",
    "omniglot-20way-fomaml",
    "mini-imagenet-fomaml",
    "omniglot-5way-anil",
    "omniglot-20way-anil",
    "mini-imagenet-anil",
)
# Of few tasks and steps: the same code, of which a check in double precision would else take minutes a form.
SMOOTH = {"omniglot-5way": "omniglot-5way,tasks=8,smooth=1", "mini-imagenet": "mini-imagenet,tasks=2,steps=2,smooth=1"}
MEMORY = tuple(f"mini-imagenet,steps={steps}" for steps in (1, 2, 5, 10, 20, 50))


def scaled(size, values):
    """omniglot-5way with so much of a size, under its own name where that is the preset's."""
    usual = getattr(workloads.workload("omniglot-5way"), size)
    return tuple("omniglot-5way" if n == usual else f"omniglot-5way,{size}={n}" for n in values)


SCALING = {
    "tasks": scaled("tasks", (8, 16, 32, 64)),
    "ways": scaled("ways", (5, 10, 15, 20)),
    "filters": scaled("filters", (32, 64, 96, 128)),
    "steps": scaled("steps", (1, 2, 4, 8)),
}

# Forms, the usual ones and the fastest found of each system.
SMALL_FORMS = (
    ("jax", "vmap"),
    ("jax", "vmap+scan"),
    ("jax", "vmap+mixflow"),
    ("jax", "vmap+mixflow+scan"),
    ("torch", "loop"),
    ("torch", "vmap"),
    ("torch", "vmap+compile"),
    ("learn2learn", "loop"),
    ("higher", "loop"),
)
IMAGE_FORMS = (
    ("jax", "vmap"),
    ("jax", "vmap+patches"),
    ("jax", "loop"),
    ("jax", "map"),
    ("jax", "map+patches"),
    ("jax", "map+patches+mixflow"),
    ("jax", "shard+patches"),
    ("jax", "shard+patches+mixflow"),
    ("torch", "loop"),
    ("torch", "vmap"),
    ("torch", "vmap+compile"),
    ("learn2learn", "loop"),
    ("higher", "loop"),
)
# Of mini-ImageNet, in memory; it takes a minute an iteration, so that it is not in the rounds.
LEANEST = ("jax", "map")
# Of workloads that take seconds an iteration.
LARGE_IMAGE_FORMS = (
    ("jax", "map+patches"),
    ("jax", "map+patches+mixflow"),
    ("jax", "shard+patches"),
    ("jax", "shard+patches+mixflow"),
    ("torch", "loop"),
    ("torch", "vmap"),
    ("learn2learn", "loop"),
)
TWIN_FORMS = (
    ("jax", "map+patches"),
    ("jax", "shard+patches"),
    ("torch", "loop"),
    ("torch", "vmap"),
    ("learn2learn", "loop"),
)
MEMORY_FORMS = (
    ("jax", "map+patches"),
    ("jax", "map+patches+mixflow+rolled"),
    ("jax", "map+patches+remat+rolled"),
    ("torch", "loop"),
    ("torch", "vmap"),
    ("learn2learn", "loop"),
)
CURVE_FORMS = (("jax", "shard+patches+mixflow"), ("torch", "loop"), ("torch", "vmap"))
ADAPT_FORMS = (
    ("maml", "kept"),
    ("jax", "map"),
    ("jax", "map+patches"),
    ("torch", "loop"),
    ("torch", "vmap+compile"),
    ("learn2learn", "loop"),
)
START_FORMS = (
    ("jax", "map+patches"),
    ("jax", "map"),
    ("torch", "loop"),
    ("torch", "vmap"),
    ("torch", "vmap+compile"),
    ("learn2learn", "loop"),
    ("higher", "loop"),
)
MODULES = {"jax": ("jax",), "torch": ("torch",), "learn2learn": ("torch", "learn2learn"), "higher": ("torch", "higher")}


@dataclasses.dataclass(frozen=True)
class Measurement:
    section: str
    kind: str  # time, adapt or start
    workload: str
    system: str
    form: str
    threads: int
    round: int
    seconds: float = SECONDS
    steps: int = 0  # of an adaptation

    def key(self):
        return [self.kind, self.workload, self.system, self.form, self.threads, self.round, self.steps]


class Store:
    """Results, one a line, each written as it comes. `identity`: what they must have in common (machine.py); others are
    left alone."""

    def __init__(self, path, identity, fresh=False):
        self.path, self.identity = path, identity
        if fresh:
            path.unlink(missing_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("}")]
        self.results = [row for row in found if row.get("identity") == identity]
        self.keys = {json.dumps(result["key"]) for result in self.results}

    def has(self, m):
        return json.dumps(m.key()) in self.keys

    def find(self, m):
        """What was measured, None where nothing was."""
        key = json.dumps(m.key())
        return next((row for row in self.results if json.dumps(row["key"]) == key), None)

    def add(self, m, result):
        made = {"time": round(time.time()), "identity": self.identity}
        line = {"key": m.key(), **dataclasses.asdict(m), **result, **made}
        self.results.append(line)
        self.keys.add(json.dumps(m.key()))
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def present_systems(wanted):
    """Those of the wanted systems whose packages are there."""
    find = importlib.machinery.PathFinder.find_spec
    return [
        system
        for system in SYSTEMS
        if system == "maml" or ((not wanted or system in wanted) and all(find(module) for module in MODULES[system]))
    ]


def absent_systems(present, wanted):
    return [system for system in SYSTEMS if system not in present and (not wanted or system in wanted)]


def compares_moments(workload):
    """Of images on SMOOTH alone."""
    w = workloads.workload(workload)
    return w.smooth or not w.images


def forms_of(workload):
    """Forms of a workload of the main tables."""
    if workload == "sinusoid-fomaml":  # no order of differentiation to choose; higher's loop is of second order
        return tuple((system, form) for system, form in SMALL_FORMS if "mixflow" not in form and system != "higher")
    if workload.startswith("sinusoid"):
        return SMALL_FORMS
    if workload in TWINS:
        compiled = (("torch", "vmap+compile"),) if workload.startswith("omniglot-5way") else ()
        return (*TWIN_FORMS, *compiled)
    if workload == "omniglot-20way":
        return (("jax", "vmap+patches"), ("jax", "map"), *LARGE_IMAGE_FORMS)
    if workload == "omniglot-5way":
        return IMAGE_FORMS
    return (
        ("jax", "loop"),
        ("jax", "vmap+patches+window"),
        *LARGE_IMAGE_FORMS,
        ("torch", "loop+nhwc"),  # of one channel it is the loop
        ("jax", "map+patches+remat+rolled"),
    )


def measurements(present, a, wider=False):
    """In the order in which they are made: of a workload, each round goes through all systems and numbers of threads.
    What matters most comes first, for runs that are broken off. `wider`: the machine has more than AVX2, on which
    maml.cpp is measured too."""
    threads = sorted(set(a.threads or (1, 2)))
    sections = a.sections or (("second-order",) if a.quick else SECTIONS)
    rounds = a.repeats or (3 if a.quick else 5)
    made = {}

    narrower = (("maml", "avx2"),) if wider else ()

    def add(section, kind, workload, forms, threads, rounds=rounds, seconds=SECONDS, steps=0, ours="maml"):
        if section not in sections or (a.only and not any(workload.startswith(start) for start in a.only)):
            return
        for number in range(rounds):
            for count in reversed(threads):
                for system, form in (("maml", ours), *forms):
                    if count == 1:  # one device: the same computation
                        form = form.replace("shard", "map")
                    if system in present:
                        m = Measurement(section, kind, workload, system, form, count, number, seconds, steps)
                        made.setdefault(str(m.key()), m)

    for workload in MAIN:
        add("second-order", "time", workload, (*narrower, *forms_of(workload)), threads)
    add("second-order", "time", "mini-imagenet", (LEANEST,), threads[-1:], rounds=1, seconds=0)
    for workload, steps in (("sinusoid", 1), ("omniglot-5way", 3)):
        forms = ADAPT_FORMS if workload != "sinusoid" else [pair for pair in ADAPT_FORMS if "patches" not in pair[1]]
        narrow = (("maml", "kept+avx2"),) if wider else ()
        add("adapt", "adapt", workload, (*narrow, *forms), threads, steps=steps, ours="adapt")
    shorter = SECONDS / 2
    for workload in TWINS:
        add("twins", "time", workload, (*narrower, *forms_of(workload)), threads[-1:], seconds=shorter)
    for workload in MEMORY:
        add("memory", "time", workload, MEMORY_FORMS, threads[-1:], rounds=1, seconds=0)
    for names in SCALING.values():
        for workload in names:
            add("scaling", "time", workload, CURVE_FORMS, threads[-1:], seconds=shorter)
    for workload in ("sinusoid", "omniglot-5way"):
        forms = [pair for pair in START_FORMS if pair in forms_of(workload)]
        if workload == "sinusoid":
            forms.insert(0, ("jax", "vmap"))
        add("start", "start", workload, forms, threads[-1:], seconds=0)
    for workload in TWINS:
        add("twins", "time", workload, (*narrower, *forms_of(workload)), threads[:-1], seconds=shorter)
    return list(made.values())


def checks(measurements):
    """{workload: [(system, form)]} of all that is timed, and of SMOOTH beside what is timed. But for the longest
    inner loops, whose graphs do not fit into memory in double precision: 10 steps are checked of JAX alone, where more
    are the same loop."""
    found = {}
    for m in measurements:
        is_long = m.workload in MEMORY[4:] or (m.workload == MEMORY[3] and m.system != "jax")
        if m.kind == "time" and m.system != "maml" and not is_long:
            forms = found.setdefault(m.workload, [])
            if (m.system, m.form) not in forms:
                forms.append((m.system, m.form))
    # Without maxima there is no form of taking them; and what takes a minute an iteration would take several here.
    for name in SMOOTH:
        if name in found:
            slow = (LEANEST,) if name == "mini-imagenet" else ()
            found[SMOOTH[name]] = [pair for pair in found[name] if "window" not in pair[1] and pair not in slow]
    return found


def unchecked(checks, rows):
    """Those of the workloads, with all their forms, of which the rows of earlier checks lack a form or say an error."""
    known = {(row["workload"], row["system"], row["form"]) for row in rows if "error" not in row}
    return {
        workload: forms
        for workload, forms in checks.items()
        if not all((workload, *pair) in known for pair in (("maml", "maml"), *forms))
    }
