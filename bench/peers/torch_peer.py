"""PyTorch. Forms:

    loop          one task after the other; torch.autograd.grad with create_graph, then one backward
    loop+nhwc     the same, images and kernels in channels_last
    vmap          all tasks at once: torch.func.grad and torch.func.vmap
    vmap+compile  the same under torch.compile, the whole iteration with its Adam step as one graph
"""

import functools

import peer

FORMS = ["loop", "loop+nhwc", "vmap", "vmap+compile"]


def make_network(w):
    """(features, head): the network as modules, with the parameter names of the workload in between."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    activation = functools.partial(F.gelu, approximate="tanh") if w.smooth else F.relu
    pool = functools.partial(F.avg_pool2d if w.smooth else F.max_pool2d, kernel_size=2)

    class Block(nn.Module):
        """Convolution, batch norm without gamma by the batch at hand, rectifier, pooling; TensorFlow's SAME padding."""

        def __init__(self, channels, side):
            super().__init__()
            self.stride = 1 if w.pool else 2
            self.conv = nn.Conv2d(channels, w.filters, 3, self.stride)
            self.norm_bias = nn.Parameter(torch.zeros(w.filters))
            out = -(-side // self.stride)
            pad = max((out - 1) * self.stride + 3 - side, 0)
            self.pad = (pad // 2, pad - pad // 2)

        def forward(self, x, statistics_rows=None):
            before, after = self.pad
            if before == after:
                x = F.conv2d(x, self.conv.weight, self.conv.bias, self.stride, before)
            else:
                x = self.conv(F.pad(x, (before, after, before, after)))
            if statistics_rows is None:
                x = F.batch_norm(x, None, None, None, self.norm_bias, training=True, eps=1e-3)
            else:
                variance, mean = torch.var_mean(x[:statistics_rows], (0, 2, 3), correction=0)
                x = F.batch_norm(x, mean, variance, None, self.norm_bias, training=False, eps=1e-3)
            x = activation(x)
            return pool(x) if w.pool else x

    class Features(nn.Module):
        def __init__(self):
            super().__init__()
            if not w.images:
                self.linear1, self.linear2 = nn.Linear(1, w.filters), nn.Linear(w.filters, w.filters)
                return
            side, channels = w.input[0], w.input[2]
            for i in (1, 2, 3, 4):
                setattr(self, f"block{i}", Block(channels, side))
                side, channels = side // 2 if w.pool else -(-side // 2), w.filters

        def forward(self, x, statistics_rows=None):
            if not w.images:
                return activation(self.linear2(activation(self.linear1(x))))
            for i in (1, 2, 3, 4):
                x = getattr(self, f"block{i}")(x, statistics_rows)
            return x.flatten(1) if w.pool else x.mean((2, 3))

    last = w.shapes()["linear1.weight" if w.images else "linear3.weight"]
    return Features(), nn.Linear(last[1], last[0])


def border_name(module_name):
    """features.block2.conv.weight -> conv2.weight and so on; "" for what only this file has."""
    name = module_name.removeprefix("features.")
    if name.startswith("block"):
        block, part = name.split(".", 1)
        number = block.removeprefix("block")
        return f"norm{number}.bias" if part == "norm_bias" else part.replace("conv", f"conv{number}")
    return name


class Network:
    """A torch.nn.Module `module` (features, then head) that holds the workload's parameters, and its losses."""

    def __init__(self, w, dtype, threads):
        import torch
        from torch import nn

        torch.set_num_threads(threads)
        self.torch, self.w, self.dtype = torch, w, getattr(torch, dtype)

        class Whole(nn.Module):
            def __init__(self):
                super().__init__()
                self.features, self.head = make_network(w)

            def forward(self, x, statistics_rows=None):
                return self.head(self.features(x, statistics_rows))

        self.module = Whole().to(self.dtype)
        self.last = "linear1" if w.images else "linear3"
        self.names = {name: self.border(name) for name, _ in self.module.named_parameters()}

    def border(self, name):
        return name.replace("head", self.last) if name.startswith("head") else border_name(name)

    def load(self, parameters):
        with self.torch.no_grad():
            for name, value in self.module.named_parameters():
                value.copy_(self.torch.from_numpy(parameters[self.names[name]].copy()))

    def tensors(self, batch):
        """Images as N, C, H, W."""
        out = []
        for array in batch:
            tensor = self.torch.from_numpy(array)
            if array.ndim >= 4:  # .. height, width, channels
                tensor = tensor.movedim(-1, -3).contiguous()
            out.append(tensor)
        return tuple(out)

    def loss(self, outputs, y, scale):
        from torch.nn import functional as F

        if self.w.images:
            return scale * F.cross_entropy(outputs, y, reduction="sum")
        return scale * F.mse_loss(outputs, y, reduction="sum")

    def adam(self):
        # Outside the inner loop PyTorch's own; its epsilon stands at another place than TensorFlow's.
        # Fused: one pass over all parameters, in the place of a dozen small calls for each.
        return self.torch.optim.Adam(self.module.parameters(), lr=self.w.outer_rate, fused=True)

    def at_border(self, values):
        """{the workload's name: NumPy's array} of tensors by the module's names."""
        return {self.names[name]: value.numpy() for name, value in values.items()}


class TorchSystem:
    """What peer.py asks for, of a system on PyTorch. A subclass gives

    prepare(parameters)          called first; loads them
    gradient(batch)              leaves the gradient of the mean over the batch's tasks in .grad
    outputs_function(steps)      a function of (x, y, rows): the outputs for these rows after so many first-order steps
                                 on (x, y); batch norm by x
    """

    def __init__(self, w, dtype, threads):
        self.w, self.net = w, Network(w, dtype, threads)
        self.torch = self.net.torch

    def prepare(self, parameters):
        self.net.load(parameters)

    def iterations(self, parameters, batches, at_once):
        self.prepare(parameters)
        optimiser, given, calls = self.net.adam(), [self.net.tensors(batch) for batch in batches], 0

        def call():
            nonlocal calls
            optimiser.zero_grad()
            self.gradient(given[calls % len(given)])
            optimiser.step()
            calls += 1
            return 1

        def moments():
            named = dict(self.net.module.named_parameters())
            return self.net.at_border({name: optimiser.state[p]["exp_avg"] for name, p in named.items()})

        return call, moments

    def adaptation(self, parameters, support, query, steps):
        self.prepare(parameters)
        outputs = self.outputs_function(steps)

        def learn_and_predict():
            x, y = self.net.tensors(support)
            (q,) = self.net.tensors((query,))
            rows = self.torch.cat([x, q]) if self.w.images else q
            return outputs(x, y, rows)[-1].numpy()

        return learn_and_predict


class TorchPeer(TorchSystem):
    def __init__(self, w, form, dtype, threads):
        super().__init__(w, dtype, threads)
        self.words = form.split("+")

    def call(self, parameters, *args):
        return self.torch.func.functional_call(self.net.module, parameters, args)

    def parts(self):
        """Parameters as (adapted, frozen)."""
        theta = dict(self.net.module.named_parameters())
        adapted = {name: p for name, p in theta.items() if self.w.adapts(self.net.names[name])}
        return adapted, {name: p for name, p in theta.items() if name not in adapted}

    def apply(self, p, x, features_given, statistics_rows=None):
        if features_given:
            from torch.nn import functional as F

            return F.linear(x, p["head.weight"], p["head.bias"])
        return self.call(p, x, statistics_rows)

    def features(self, theta, x):
        body = {name.removeprefix("features."): p for name, p in theta.items() if name.startswith("features.")}
        return self.torch.func.functional_call(self.net.module.features, body, (x,))

    # One task after the other.

    def adapt_by_autograd(self, adapted, frozen, x, y, steps, second_order):
        anil = self.w.algorithm == "anil"
        for _ in range(steps):
            loss = self.net.loss(self.apply(adapted | frozen, x, anil), y, self.w.loss_scale()[0])
            gradient = self.torch.autograd.grad(loss, list(adapted.values()), create_graph=second_order)
            adapted = {n: p - self.w.alpha * g for (n, p), g in zip(adapted.items(), gradient)}
        return adapted

    def by_loop(self, batch):
        """Leaves the gradient of the mean over the tasks in .grad."""
        adapted, frozen = self.parts()
        anil = self.w.algorithm == "anil"
        if "nhwc" in self.words:
            channels_last = self.torch.channels_last
        for task in zip(*batch):
            support_x, support_y, query_x, query_y = task
            if "nhwc" in self.words:
                support_x, query_x = (x.contiguous(memory_format=channels_last) for x in (support_x, query_x))
            if anil:
                support_x, query_x = (self.features(adapted | frozen, x) for x in (support_x, query_x))
            second_order = self.w.algorithm != "fomaml"
            fast = self.adapt_by_autograd(adapted, frozen, support_x, support_y, self.w.steps, second_order)
            loss = self.net.loss(self.apply(fast | frozen, query_x, anil), query_y, self.w.loss_scale()[1])
            (loss / self.w.tasks).backward()

    # All tasks at once.

    def detached_parts(self):
        return tuple({name: p.detach() for name, p in part.items()} for part in self.parts())

    def support_loss(self, adapted, frozen, x, y):
        return self.net.loss(self.apply(adapted | frozen, x, self.w.algorithm == "anil"), y, self.w.loss_scale()[0])

    def by_vmap(self, parts, batch):
        """The gradient of the mean over the tasks, in the shape of `parts`."""
        func, w = self.torch.func, self.w

        def constant(part):
            return {name: p.detach() for name, p in part.items()} if w.algorithm == "fomaml" else part

        def task_loss(adapted, frozen, support_x, support_y, query_x, query_y):
            if w.algorithm == "anil":
                support_x, query_x = (self.features(adapted | frozen, x) for x in (support_x, query_x))
            for _ in range(w.steps):
                gradient = func.grad(self.support_loss)(constant(adapted), constant(frozen), support_x, support_y)
                adapted = {name: p - w.alpha * gradient[name] for name, p in adapted.items()}
            outputs = self.apply(adapted | frozen, query_x, w.algorithm == "anil")
            return self.net.loss(outputs, query_y, w.loss_scale()[1])

        def meta_loss(parts):
            return func.vmap(task_loss, (None, None, 0, 0, 0, 0))(*parts, *batch).mean()

        return func.grad(meta_loss)(parts)

    # What TorchSystem asks for.

    def prepare(self, parameters):
        super().prepare(parameters)
        if "nhwc" in self.words:
            self.net.module.to(memory_format=self.torch.channels_last)

    def gradient(self, batch):
        if "vmap" not in self.words:
            self.by_loop(batch)
            return
        adapted, frozen = self.by_vmap(self.detached_parts(), batch)
        for name, p in self.net.module.named_parameters():
            p.grad = (adapted | frozen)[name].detach()

    def outputs_function(self, steps):
        adapted, frozen = self.parts()

        def outputs(x, y, rows):
            fast = self.adapt_by_autograd(adapted, frozen, x, y, steps, second_order=False)
            with self.torch.no_grad():
                return self.call(fast | frozen, rows, len(x))

        return outputs


class CompiledPeer(TorchPeer):
    """All tasks at once and the step of Adam, TensorFlow's, as one compiled function that works in place; adaptation and
    prediction as another."""

    def iterations(self, parameters, batches, at_once):
        torch = self.torch
        self.prepare(parameters)
        parts = self.detached_parts()
        m, v = ({name: torch.zeros_like(p) for part in parts for name, p in part.items()} for _ in range(2))
        t = torch.zeros((), dtype=self.net.dtype)

        def iteration(parts, m, v, t, batch):
            t += 1
            rate = self.w.outer_rate * torch.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            for part, gradients in zip(parts, self.by_vmap(parts, batch)):
                for name, gradient in gradients.items():
                    m[name].mul_(0.9).add_(gradient, alpha=0.1)
                    v[name].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
                    part[name].sub_(rate * m[name] / (v[name].sqrt() + 1e-8))

        compiled, given, calls = torch.compile(iteration), [self.net.tensors(batch) for batch in batches], 0

        def call():
            nonlocal calls
            compiled(parts, m, v, t, given[calls % len(given)])
            calls += 1
            return 1

        return call, lambda: self.net.at_border(m)

    def outputs_function(self, steps):
        adapted, frozen = self.detached_parts()

        def outputs(adapted, frozen, x, y, rows):
            for _ in range(steps):
                gradient = self.torch.func.grad(self.support_loss)(adapted, frozen, x, y)
                adapted = {name: p - self.w.alpha * gradient[name] for name, p in adapted.items()}
            return self.call(adapted | frozen, rows, len(x))

        compiled = self.torch.compile(outputs)
        return lambda x, y, rows: compiled(adapted, frozen, x, y, rows)


def system(w, form, dtype, threads):
    return (CompiledPeer if "compile" in form else TorchPeer)(w, form, dtype, threads)


if __name__ == "__main__":
    peer.main(system, FORMS)
