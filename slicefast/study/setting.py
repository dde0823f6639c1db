"""How agents explore and learn, and to which steps their regret is summed: what jobs play and readers look for."""

from __future__ import annotations

from typing import Literal, get_args

#: How agents explore and learn: by the paper's numbers, or by those that we measured to cost least while they learn.
Setting = Literal["published", "ours"]
SETTINGS: tuple[Setting, ...] = get_args(Setting)
#: Steps to which regret is summed, besides the end of learning.
REGRET_STEPS = (250, 1000, 4000)
