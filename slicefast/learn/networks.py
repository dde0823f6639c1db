"""Networks of all agents stacked: one parameter holds the same layer of every agent.

Dimensions: A agents, B batch, S action length, P padded number of parameters per agent.

All parameters of a network live in one *bank*, a flat tensor (A, P) in which an agent's row is contiguous; the named
parameters are views into it. So an optimiser step is a few operations on (A, P), an agent is copied with one
assignment, and the native engine gets one pointer per network. The views stay valid through `load_state_dict` and
in-place changes; `Module.to` would break them, so modules are made on their device.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from slicefast.errors import described, refuse
from slicefast.granted import granted_bytes
from slicefast.learn.config import n_weights

# Rows of a bank start on 64-byte boundaries: no two agents share a cache line, and vectors load aligned.
ROW_MULTIPLE = 16


def check_memory(name: str, n_agents: int, sizes: Sequence[int], n_nets: int = 1) -> None:
    """Refuse widths whose weights, targets and moments need more memory than this process may use.

    Parameters
    ----------
    name : str
        Of the hidden layers' widths, as the caller knows them.
    n_agents : int
        Agents.
    sizes : sequence of int
        Inputs, widths of the hidden layers, outputs.
    n_nets : int
        Networks of an agent.

    Raises
    ------
    SlicefastError
        It names the bytes.
    """
    needed, granted = 4 * 4 * n_agents * n_nets * n_weights(sizes), granted_bytes()
    if needed > granted:
        got = f"{list(sizes[1:-1])} of {n_agents} agents, {needed:.3g} bytes"
        refuse(name, described(got), f"at most {granted} bytes, what this process may use")


def zero_bank(n_rows: int, n_columns: int, device: torch.device | str | None = None) -> Tensor:
    """Return zeros (n_rows, n_columns) float32; on the CPU NumPy's memory, which asks for huge pages when it is large.

    A few hundred agents' banks span thousands of ordinary pages, more than the processor's translation buffer holds.

    Parameters
    ----------
    n_rows, n_columns : int
        Its size.
    device : torch.device or str, optional
        The CPU unless given.
    """
    if torch.device(device or "cpu").type != "cpu":
        return torch.zeros((n_rows, n_columns), device=device)
    memory = np.zeros(n_rows * n_columns + ROW_MULTIPLE, np.float32)
    skip = (-memory.ctypes.data % (4 * ROW_MULTIPLE)) // 4
    return torch.from_numpy(memory[skip : skip + n_rows * n_columns].reshape(n_rows, n_columns))


def laid_out(values: Tensor) -> Tensor:
    """Return a copy of values (n_rows, n_columns) in memory as `zero_bank` gives it."""
    return zero_bank(values.shape[0], values.shape[1], values.device).copy_(values)


class StackedMLP(nn.Module):
    """Fully connected networks of A agents, ReLU between layers: h <- relu(h W + b), the last layer linear.

    It holds the parameters; the engines evaluate them. They are `weight_<layer>` (A, in, out) and `bias_<layer>`
    (A, out), of twins (A, 2, in, out) and (A, 2, out).

    Parameters
    ----------
    n_agents : int
        A.
    sizes : sequence of int
        Inputs, widths of the hidden layers, outputs.
    twin : bool
        Whether each agent has two networks, as TD3's critics are.
    device : torch.device or str, optional
        Where the parameters lie, the CPU unless given.

    Attributes
    ----------
    bank : Tensor, (A, P)
        The memory behind every parameter.
    layout : list of (str, int, tuple of int)
        Name, offset and shape of each parameter within one network's values.
    n_parameters, n_lower : int
        One network's values, and how many of them belong to all layers but the last (see `TD3.freeze_lower`).
    """

    def __init__(
        self, n_agents: int, sizes: Sequence[int], twin: bool = False, device: torch.device | str | None = None
    ) -> None:
        super().__init__()
        self.n_agents, self.sizes, self.twin = n_agents, tuple(sizes), twin
        self.layout: list[tuple[str, int, tuple[int, ...]]] = []
        offset = 0
        self.n_lower = 0
        for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
            self.n_lower = offset
            for name, shape in ((f"weight_{layer}", (n_in, n_out)), (f"bias_{layer}", (n_out,))):
                self.layout.append((name, offset, shape))
                offset += int(np.prod(shape))
        self.n_parameters = offset
        self.stride = -(-offset // ROW_MULTIPLE) * ROW_MULTIPLE
        self.n_nets = 2 if twin else 1
        self.bank = zero_bank(n_agents, self.n_nets * self.stride, device)
        for name, view in self.views(self.bank).items():
            self.register_parameter(name, nn.Parameter(view))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as sizes and bank, of which the copy's parameters are views again.

        Left to itself torch clones the parameters, and the copy would learn into a bank that it does not act with.
        """
        trained = any(parameter.requires_grad for parameter in self.parameters())
        return _restored, (type(self), self.n_agents, self.sizes, self.twin, self.bank.detach(), trained)

    @property
    def n_layers(self) -> int:
        """Number of weight layers."""
        return len(self.sizes) - 1

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """Return named views of a tensor laid out like the bank (optimiser moments, a copy): parameter name -> view."""
        rows = flat.view(self.n_agents, self.n_nets, self.stride)
        named = {}
        for name, offset, shape in self.layout:
            part = rows[:, :, offset : offset + int(np.prod(shape))]
            lead = (self.n_agents, 2) if self.twin else (self.n_agents,)
            named[name] = (part if self.twin else part[:, 0]).view(*lead, *shape)
        return named

    def flat_gradient(self, gradients: Sequence[Tensor], out: Tensor) -> Tensor:
        """Lay gradients, one per entry of `layout`, out like the bank: into `out` (A, P), whose padding stays."""
        items = self.n_agents * self.n_nets
        parts = [gradient.view(items, -1) for gradient in gradients]
        torch.cat(parts, dim=1, out=out.view(items, self.stride)[:, : self.n_parameters])
        return out

    def initialise(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw weights and biases from U(-1/sqrt(in), 1/sqrt(in)), as torch.nn.Linear does; one generator per agent."""
        bound = np.concatenate(
            [
                np.full(int(np.prod(shape)), self.sizes[int(name.split("_")[1])] ** -0.5)
                for name, _, shape in self.layout
            ]
        )
        values = np.zeros((self.n_agents, self.n_nets, self.stride), np.float32)
        for agent, generator in enumerate(generators):
            values[agent, :, : self.n_parameters] = generator.uniform(-bound, bound, (self.n_nets, self.n_parameters))
        with torch.no_grad():
            self.bank.copy_(torch.from_numpy(values).view_as(self.bank))


def _restored(
    kind: type[StackedMLP], n_agents: int, sizes: tuple[int, ...], twin: bool, bank: Tensor, trained: bool
) -> StackedMLP:
    network = kind(n_agents, sizes, twin, bank.device)
    network.bank.copy_(bank)
    return network.requires_grad_(trained)
