"""HARQ in the mean, outcome by outcome; shares no code with slicefast."""


def expectation(rates, retransmissions, round_trip):
    """Return transmissions of a block, TTIs that it waits for those after the first, and the part that is given up.

    `rates`: error rate of every attempt, or one for each, the last for all further ones.
    """
    if isinstance(rates, float):
        rates = (rates,)
    transmissions = waiting = 0.0
    reached = 1.0  # the probability that an attempt is made
    for attempt in range(retransmissions + 1):
        error = rates[min(attempt, len(rates) - 1)]
        last = attempt == retransmissions
        ends = reached if last else reached * (1.0 - error)  # it arrives now, or is given up
        transmissions += ends * (attempt + 1)
        waiting += ends * attempt * round_trip
        reached *= error
    return transmissions, waiting, reached
