"""How packets come: the traffic models of a slice, packet traces, the mask of active users, and the merging of all."""
