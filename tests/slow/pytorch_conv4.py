"""Our conv4 as a PyTorch module: loads an adapted model's safetensors, answers as `maml adapt` does, saves it back.

    pytorch_conv4.py stride|pool ADAPTED.safetensors ANSWERS.json BACK.safetensors

ANSWERS.json is what `maml adapt ADAPTED --query SUPPORT --json` says of the support pictures themselves, in their
order.
"""
import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F


class Conv4(nn.Module):
    """Four blocks of convolution (3 x 3, TensorFlow's SAME), batch norm by the support rows, rectifier, which go down
    by a convolution of stride 2 or by max-pooling (pools); then flatten and a linear layer. Parameters have our names,
    so that load_state_dict takes our files as they are."""

    def __init__(self, tensors, pools, blocks=4):
        super().__init__()
        self.blocks, self.pools = blocks, pools
        for i in range(1, blocks + 1):
            weight = tensors[f"conv{i}.weight"]
            self.add_module(f"conv{i}", nn.Conv2d(weight.shape[1], weight.shape[0], 3, stride=1 if pools else 2))
            norm = nn.Module()
            has_gamma = f"norm{i}.weight" in tensors
            norm.weight = nn.Parameter(torch.ones(weight.shape[0])) if has_gamma else None
            norm.bias = nn.Parameter(torch.zeros(weight.shape[0]))
            self.add_module(f"norm{i}", norm)
        classes, features = tensors["linear1.weight"].shape
        self.linear1 = nn.Linear(features, classes)

    @staticmethod
    def same(x, stride):
        """TensorFlow's SAME for a kernel of 3: what is odd of the padding goes behind."""
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
            pads += [total // 2, total - total // 2]
        return F.pad(x, pads)

    def forward(self, support, query):
        """Logits of the query rows (N x C x H x W); the support rows give the means and variances."""
        rows, x = len(support), torch.cat([support, query])
        for i in range(1, self.blocks + 1):
            conv, norm = self.get_submodule(f"conv{i}"), self.get_submodule(f"norm{i}")
            x = conv(self.same(x, conv.stride[0]))
            variance, mean = torch.var_mean(x[:rows], dim=(0, 2, 3), correction=0)
            x = F.relu(F.batch_norm(x, mean, variance, norm.weight, norm.bias, training=False, eps=EPSILON))
            if self.pools:
                x = F.max_pool2d(x, 2)
        return self.linear1(x[rows:].flatten(1))


EPSILON = 1e-3

if __name__ == "__main__":
    form, path, answers, back = sys.argv[1:]
    tensors = load_file(path)
    model = Conv4(tensors, pools=form == "pool")
    own = {name: tensors[name] for name in model.state_dict()}  # all of them, or KeyError
    model.load_state_dict(own)
    support = tensors["support.x"].permute(0, 3, 1, 2)
    expected = [list(row["probabilities"].values()) for row in json.load(open(answers))["predictions"]]
    assert len(expected) == len(support), (len(expected), len(support))
    with torch.no_grad():
        together = F.log_softmax(model(support, support), dim=1)
        alone = F.log_softmax(model(support, support[:1]), dim=1)
    # Of the logarithms: adapted to these very pictures, the probabilities themselves are near 0 and 1.
    difference = (together - torch.tensor(expected).log()).abs().max().item()
    spread = (together - together.mean(0)).abs().max().item()
    print(f"largest difference {difference:.2e}, of answers that differ by up to {spread:.2f}")
    assert difference < 1e-4 < 1e-2 < spread and (alone[0] - together[0]).abs().max() < 1e-4
    with safe_open(path, "pt") as file:
        metadata = {key: value for key, value in file.metadata().items() if key != "xxh3"}
    save_file({**tensors, **model.state_dict()}, back, metadata)
