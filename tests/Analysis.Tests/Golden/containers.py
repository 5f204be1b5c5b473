"""Small files as PyTorch and NumPy write them, and what they hold: Golden/containers/. Debian's python3: torch 1.13, numpy 1.24."""
import json
import os
from collections import OrderedDict

import numpy as np
import torch

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "containers")
os.makedirs(here, exist_ok=True)
generator = torch.Generator().manual_seed(7)
expected = {}


def say(file, tensors):
    expected[file] = {name: {"shape": list(t.shape), "values": np.asarray(t, dtype=np.float64).reshape(-1).tolist()} for name, t in tensors.items()}


def numbers(*shape):
    return torch.randint(-500, 500, shape, generator=generator).float() / 8


# Views: PyTorch keeps strides, offsets and shared storages as they are.
base = numbers(6, 10)
views = {
    "plain": numbers(3, 4),
    "transposed": numbers(5, 7).t(),
    "rows": base[1:5],
    "columns": base[:, 2:9:3],
    "turned_slice": base[::2, 1:].t(),
    "permuted": numbers(2, 3, 4).permute(2, 0, 1),
    "repeated": torch.tensor([0.25]).expand(5),
    "scalar": torch.tensor(1.5),
    "empty": torch.zeros(0, 3),
    "half": numbers(4).half(),
    "bfloat16": (numbers(4) * 8).bfloat16(),
    "double": numbers(4).double(),
    "grad": numbers(2, 2).requires_grad_(),
}
torch.save(views, f"{here}/views.pt")
say("views.pt", {name: t.detach().double().contiguous().numpy() for name, t in views.items()})

# Protocol 4, as torch.save writes it when it is asked to: the same tensors in other instructions.
torch.save(views, f"{here}/views-protocol4.pt", pickle_protocol=4)
say("views-protocol4.pt", {name: t.detach().double().contiguous().numpy() for name, t in views.items()})

# A module's own state dict: an OrderedDict with versions as attributes; parameters as such; dicts in dicts.
module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
with torch.no_grad():
    for parameter in module.parameters():
        parameter.copy_(numbers(*parameter.shape))
torch.save({"state": module.state_dict(), "own": torch.nn.Parameter(numbers(3)), "step": 70000, "lr": 1e-4, "name": "run", "sizes": [1, (2, 3)], "none": None, "yes": True, "big": 1 << 40}, f"{here}/module.pt")
say("module.pt", {
    "state.0.weight": module[0].weight.detach().numpy(), "state.0.bias": module[0].bias.detach().numpy(),
    "own": torch.load(f"{here}/module.pt")["own"].detach().numpy()})
torch.save({"plain": views["plain"]}, f"{here}/legacy.pt", _use_new_zipfile_serialization=False)

arrays = {
    "c": numbers(3, 5).numpy(),
    "fortran": np.asfortranarray(numbers(4, 6).numpy()),
    "cube": np.asfortranarray(numbers(2, 3, 4).numpy()),
    "half": numbers(3).numpy().astype(np.float16),
    "double": numbers(3).numpy().astype(np.float64),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 4), np.float32),
}
np.savez(f"{here}/arrays.npz", **arrays)
np.savez_compressed(f"{here}/compressed.npz", **arrays)
for file in ("arrays.npz", "compressed.npz"):
    say(file, arrays)
np.savez(f"{here}/objects.npz", w=np.array([{"a": 1}], dtype=object))

with open(f"{here}/expected.json", "w") as out:
    json.dump(expected, out)
