"""JAX. A form is words joined by +, one jit of the whole meta-iteration:

    loop | vmap | map | shard   tasks written out by a loop of Python's, at once (jax.vmap), one after the other
                         (jax.lax.scan, which adds up their gradients), or so on each of `threads` CPU devices
                         (jax.shard_map), which must divide the tasks
    patches              convolutions as patches and a matrix product; else jax.lax.conv
    mixflow              each inner step's reverse pass by forward over reverse (custom_vjp), as MixFlow-MG; else
                         reverse over reverse
    remat                each inner step's activations computed again in the reverse pass (jax.checkpoint)
    rolled               inner steps as jax.lax.scan however few they are
    window               max-pooling by lax.reduce_window; else a maximum over two axes of a reshaped array
    scan                 many meta-iterations in one call (jax.lax.scan); sinusoids only
"""

import os

import peer

FORMS = [
    how + conv + order + loop
    for how in ("loop", "vmap", "map", "shard")
    for conv in ("", "+patches", "+patches+window")
    for order in ("", "+mixflow", "+remat")
    for loop in ("", "+scan", "+rolled")
]
UNROLLED = 5  # inner steps up to which the loop is written out; beyond, lax.scan keeps compilation short


def import_jax(threads, devices, dtype):
    """JAX with so many threads. It reads these when it is first imported."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    flags = [f"--xla_force_host_platform_device_count={threads}"] if devices else []
    if threads == 1:
        flags.append("--xla_cpu_multi_thread_eigen=false")
    os.environ["XLA_FLAGS"] = " ".join(flags)
    import jax

    jax.config.update("jax_enable_x64", dtype == "float64")
    return jax


class JaxPeer:
    def __init__(self, w, form, dtype, threads):
        self.w, self.words, self.dtype = w, form.split("+"), dtype
        if "mixflow" in self.words and w.algorithm == "anil":
            raise ValueError(f"{w.name}: the form mixflow takes support data as constants; ANIL's features are none")
        if "scan" in self.words and w.images:
            raise ValueError(f"{w.name}: the form scan is for sinusoids")
        self.jax = import_jax(threads, "shard" in self.words, dtype)
        self.devices = threads if "shard" in self.words else 1

    # The model; parameters have JAX's own layouts: kernels H, W, I, O, linear weights in, out.

    def layout(self, parameters):
        """PyTorch's layouts to these."""

        def turned(value):
            if value.ndim == 4:
                return value.transpose(2, 3, 1, 0)
            if value.ndim == 2 and self.w.pool:  # features lie C, H, W at the border, H, W, C here
                side, channels = self.side(), self.w.filters
                return value.reshape(-1, channels, side, side).transpose(2, 3, 1, 0).reshape(-1, len(value))
            return value.T

        return {name: turned(value) for name, value in parameters.items()}

    def border(self, gradient):
        """These layouts to PyTorch's."""
        import numpy as np

        def turned(value):
            if value.ndim == 4:
                return value.transpose(3, 2, 0, 1)
            if value.ndim == 2 and self.w.pool:
                side, channels = self.side(), self.w.filters
                return value.reshape(side, side, channels, -1).transpose(3, 2, 0, 1).reshape(value.shape[1], -1)
            return value.T

        return {name: turned(np.asarray(value)) for name, value in gradient.items()}

    def side(self):
        side = self.w.input[0]
        for _ in range(4):
            side = side // 2 if self.w.pool else -(-side // 2)
        return side

    def conv(self, x, kernel):
        import jax.numpy as jnp

        jax, stride = self.jax, 1 if self.w.pool else 2
        if "patches" not in self.words:
            layout = ("NHWC", "HWIO", "NHWC")
            return jax.lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=layout)
        rows, height, width, channels = x.shape
        out_h, out_w = -(-height // stride), -(-width // stride)
        pads = [max((out - 1) * stride + 3 - size, 0) for out, size in ((out_h, height), (out_w, width))]
        x = jnp.pad(x, ((0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)))
        taps = [
            x[:, i : i + (out_h - 1) * stride + 1 : stride, j : j + (out_w - 1) * stride + 1 : stride]
            for i in range(3)
            for j in range(3)
        ]
        patches = jnp.concatenate(taps, -1).reshape(-1, 9 * channels)
        return (patches @ kernel.reshape(9 * channels, -1)).reshape(rows, out_h, out_w, -1)

    def activation(self, x):
        return self.jax.nn.gelu(x, approximate=True) if self.w.smooth else self.jax.nn.relu(x)

    def pool(self, x):
        lax, jnp = self.jax.lax, self.jax.numpy
        if "window" in self.words:
            return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        rows, height, width, channels = x.shape
        x = x[:, : height // 2 * 2, : width // 2 * 2].reshape(rows, height // 2, 2, width // 2, 2, channels)
        return x.mean((2, 4)) if self.w.smooth else x.max((2, 4))

    def features(self, p, x, statistics_rows=None):
        """What the last layer reads. Batch norm takes its statistics from the first so many rows, else from all."""
        import jax.numpy as jnp

        w = self.w
        if not w.images:
            for i in (1, 2):
                x = self.activation(x @ p[f"linear{i}.weight"] + p[f"linear{i}.bias"])
            return x
        for i in (1, 2, 3, 4):
            x = self.conv(x, p[f"conv{i}.weight"]) + p[f"conv{i}.bias"]
            batch = x[:statistics_rows]
            mean, variance = jnp.mean(batch, (0, 1, 2)), jnp.var(batch, (0, 1, 2))
            x = self.activation((x - mean) * self.jax.lax.rsqrt(variance + 1e-3) + p[f"norm{i}.bias"])
            if w.pool:
                x = self.pool(x)
        return x.reshape(len(x), -1) if w.pool else x.mean((1, 2))

    def head(self, p, features):
        last = "linear1" if self.w.images else "linear3"
        return features @ p[f"{last}.weight"] + p[f"{last}.bias"]

    def loss(self, outputs, y, scale):
        import jax.numpy as jnp

        if self.w.images:
            scores = self.jax.nn.log_softmax(outputs)
            return -scale * jnp.sum(jnp.take_along_axis(scores, y[:, None], 1))
        return scale * jnp.sum((outputs - y) ** 2)

    # Adaptation and its derivative.

    def inner_step(self, support_loss):
        """theta, data -> theta after one step."""
        jax, w = self.jax, self.w

        def plain(adapted, frozen, *data):
            gradient = jax.grad(support_loss)(adapted, frozen, *data)
            if w.algorithm == "fomaml":
                gradient = jax.lax.stop_gradient(gradient)
            return {name: adapted[name] - w.alpha * gradient[name] for name in adapted}

        if "mixflow" not in self.words or w.algorithm == "fomaml":
            return jax.checkpoint(plain) if "remat" in self.words else plain

        step = jax.custom_vjp(plain)

        def backward(kept, v):
            # d step / d (adapted, frozen), transposed, times v: v - alpha H v, and - alpha times the mixed part. By
            # symmetry both are the derivative along v of the gradient by (adapted, frozen).
            adapted, frozen, *data = kept
            gradients = jax.grad(support_loss, (0, 1))
            along = jax.jvp(lambda a: gradients(a, frozen, *data), (adapted,), (v,))[1]
            d_adapted, d_frozen = jax.tree.map(lambda product: -w.alpha * product, along)
            d_adapted = jax.tree.map(lambda a, b: a + b, v, d_adapted)
            return d_adapted, d_frozen, *(self.no_cotangent(part) for part in data)

        step.defvjp(lambda *given: (plain(*given), given), backward)
        return step

    def no_cotangent(self, data):
        """Data are constants."""
        import numpy as np

        is_float = self.jax.numpy.issubdtype(data.dtype, self.jax.numpy.floating)
        return self.jax.numpy.zeros_like(data) if is_float else np.zeros(data.shape, self.jax.dtypes.float0)

    def adapt(self, theta, x, y, steps):
        """(adapted, frozen) parameters after the inner steps; x are features where the body is frozen."""
        w = self.w
        adapted = {name: value for name, value in theta.items() if w.adapts(name)}
        frozen = {name: value for name, value in theta.items() if not w.adapts(name)}
        support_scale, _ = w.loss_scale()

        def support_loss(adapted, frozen, x, y):
            features = x if w.algorithm == "anil" else self.features(adapted | frozen, x)
            return self.loss(self.head(adapted, features), y, support_scale)

        step = self.inner_step(support_loss)
        if steps <= UNROLLED and "rolled" not in self.words:
            for _ in range(steps):
                adapted = step(adapted, frozen, x, y)
        else:
            adapted, _ = self.jax.lax.scan(lambda a, _: (step(a, frozen, x, y), None), adapted, length=steps)
        return adapted, frozen

    def task_loss(self, theta, task):
        support_x, support_y, query_x, query_y = task
        if self.w.algorithm == "anil":
            support_x = self.features(theta, support_x)
        adapted, frozen = self.adapt(theta, support_x, support_y, self.w.steps)
        features = self.features(theta if self.w.algorithm == "anil" else adapted | frozen, query_x)
        return self.loss(self.head(adapted, features), query_y, self.w.loss_scale()[1])

    def meta_loss_gradient(self, theta, batch):
        """Gradient of the mean over the tasks."""
        jax = self.jax
        gradient = jax.grad(self.task_loss)
        if "vmap" in self.words:
            return jax.grad(lambda p: jax.vmap(self.task_loss, (None, 0))(p, batch).mean())(theta)
        if "loop" in self.words:
            tasks = [jax.tree.map(lambda part: part[i], batch) for i in range(self.w.tasks)]
            return jax.grad(lambda p: sum(self.task_loss(p, task) for task in tasks) / self.w.tasks)(theta)

        def summed(theta, batch):
            def add(total, task):
                return jax.tree.map(lambda a, b: a + b, total, gradient(theta, task)), None

            zero = jax.tree.map(jax.numpy.zeros_like, theta)
            return jax.lax.scan(add, zero, batch)[0]

        if "shard" in self.words and self.devices > 1:
            P = jax.sharding.PartitionSpec

            def local(theta, batch):
                return jax.lax.psum(summed(theta, batch), "tasks")

            specs = dict(in_specs=(P(), P("tasks")), out_specs=P())
            total = jax.shard_map(local, mesh=self.mesh(), check_vma=False, **specs)(theta, batch)
        else:
            total = summed(theta, batch)
        return jax.tree.map(lambda value: value / self.w.tasks, total)

    def mesh(self):
        return self.jax.make_mesh((self.devices,), ("tasks",), axis_types=(self.jax.sharding.AxisType.Auto,))

    def adam(self, state, gradient):
        jnp, tree = self.jax.numpy, self.jax.tree
        theta, m, v, t = state
        t = t + 1
        m = tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
        rate = self.w.outer_rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        theta = tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), theta, m, v)
        return theta, m, v, t

    # What peer.py asks for.

    def arrays(self, tree, axis=None):
        """On the devices: whole on each, or split along that axis of the mesh."""
        arrays = self.jax.tree.map(self.jax.numpy.asarray, tree)
        if self.devices == 1:
            return arrays
        sharding, axes = self.jax.sharding, [axis] if axis else []
        return self.jax.device_put(arrays, sharding.NamedSharding(self.mesh(), sharding.PartitionSpec(*axes)))

    def iterations(self, parameters, batches, at_once):
        jax, jnp = self.jax, self.jax.numpy
        theta = self.arrays(self.layout(parameters))
        zero = jax.tree.map(jnp.zeros_like, theta)
        state = (theta, zero, zero, self.arrays(jnp.zeros((), self.dtype)))

        def iteration(state, batch):
            return self.adam(state, self.meta_loss_gradient(state[0], batch))

        if "scan" in self.words:
            stacked = self.arrays(jax.tree.map(lambda *parts: jnp.stack(parts), *batches))

            def many(state, stacked):
                def one(state, _):
                    i = state[3].astype(int) % len(batches)  # the iterations so far
                    return iteration(state, jax.tree.map(lambda part: part[i], stacked)), None

                return jax.lax.scan(one, state, length=at_once)[0]

            run, given = jax.jit(many, donate_argnums=0), [stacked]
        else:
            run, given, at_once = jax.jit(iteration, donate_argnums=0), [self.arrays(b, "tasks") for b in batches], 1
        calls = 0
        state = jax.tree.map(jnp.copy, state)  # m and v are donated apart

        def call():
            nonlocal state, calls
            state = run(state, given[calls % len(given)])
            calls += 1
            jax.block_until_ready(state)
            return at_once

        return call, lambda: self.border(state[1])

    def adaptation(self, parameters, support, query, steps):
        jax, jnp = self.jax, self.jax.numpy
        theta = self.arrays(self.layout(parameters))

        def learn_and_predict(theta, x, y, query):
            adapted, frozen = self.adapt(theta, x, y, steps)
            p = adapted | frozen
            rows = jnp.concatenate([x, query]) if self.w.images else query
            return self.head(p, self.features(p, rows, len(x)))[-1]

        run = jax.jit(learn_and_predict)
        # From arrays on the host to a prediction on the host, as an application would.
        return lambda: jax.device_get(run(theta, *support, query))


if __name__ == "__main__":
    peer.main(JaxPeer, FORMS)
