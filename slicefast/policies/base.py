"""What a policy is, and the policies known by name."""

from __future__ import annotations

from typing import Protocol

from slicefast.arguments import checked
from slicefast.registry import Registry
from slicefast.simulator import Simulator
from slicefast.units import Float32, Float64


class Policy(Protocol):
    """Decides the coming step: a function, or an object that plays one network."""

    def __call__(self, simulator: Simulator, observation: Float32) -> Float64:
        """Return the shares of the coming step.

        Parameters
        ----------
        simulator : Simulator
            The network, its coming step prepared; a policy reads what it is allowed to know and changes nothing.
        observation : ndarray of float32, (N, n_o) or (R, N, n_o)
            What the task's agents saw in the last step.

        Returns
        -------
        ndarray of float64, (N, S) or (R, N, S)
            Rows on the simplex.
        """


#: Policies that need no training, by name: what `slicefast evaluate --policy` and the study offer. An entry is a
#: function, or a class whose objects play one network each.
POLICIES: Registry[Policy | type[Policy]] = Registry("policy", {})
register, names = POLICIES.register, POLICIES.names


@checked
def ready(entry: Policy | type[Policy]) -> Policy:
    """Return a policy that may play a network: a function as it is, a new object of a class.

    Examples
    --------
    >>> sf.policies.ready(sf.policies.equal_split) is sf.policies.equal_split  # of a class one is made
    True
    """
    return entry() if isinstance(entry, type) else entry


@checked
def get(name: str) -> Policy:
    """Return the policy of a name, ready to play one network.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    callable
        See `ready`.

    Raises
    ------
    SlicefastError
        There is none; the message lists those there are.

    Examples
    --------
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0)
    >>> kpis = simulator.reset()
    >>> sf.policies.get("equal_split")(simulator, None)[0]
    array([0.25, 0.25, 0.25, 0.25])
    """
    return ready(POLICIES.get(name))
