# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, embedsignature=False
"""When packets come, drawn through NumPy's C random API.

Loops call the generator's ``bitgen_t`` directly with the GIL released and the generator's lock held, so that Python
threads with generators of their own run side by side and a shared generator is never torn.

====== ====================================================== ========
symbol meaning                                                unit
====== ====================================================== ========
U      users
K      packets of a window
====== ====================================================== ========
"""

from libc.math cimport fabs, isfinite, log1p
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from numpy.random cimport bitgen_t

from slicefast._generator cimport bit_generator, check_in_place, uniform

import numpy as np

from slicefast.errors import described, refuse

cdef Py_ssize_t GUIDE_PER_USER = 4  # fine enough that the search mostly ends where the guide points
cdef double MAX_PACKETS = 1e8  # of a window: 1.2 GB


cdef inline double exponential(bitgen_t* bits) noexcept nogil:
    """Draw from the exponential distribution of mean 1."""
    return -log1p(-bits.next_double(bits.state))


cdef int check_above_zero(str name, double value) except -1:
    if not (isfinite(value) and value > 0.0):
        refuse(name, value, "finite and above 0")
    return 0


cdef int check_window(int window_ttis) except -1:
    if window_ttis < 1:
        refuse("window_ttis", window_ttis, "at least 1")
    return 0


def draw_poisson_arrivals(object generator, object rate_pps, object packet_bits, int window_ttis):
    """Draw the packets of a window of 1 ms TTIs, a Poisson process per user, as one event list.

    The users' processes are drawn as their superposition: K ~ Poisson(sum_u rate_u window) packets, each in a uniform
    TTI and of user u with probability rate_u / sum. Cost O(K) and two light passes over U.

    Parameters
    ----------
    generator : numpy.random.Generator
    rate_pps : ndarray, (U,) float64
        Packets per second of every user, 0 if idle.
    packet_bits : ndarray, (U,) float32
        Packet size of every user [bit].
    window_ttis : int
        Length of the window [TTI].

    Returns
    -------
    user, tti, bits : ndarray, (K,) int32, int32 and float32
        Sorted by tti, each in [0, window_ttis).

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind, shape or range, the user named; nothing is drawn.
    """
    cdef bitgen_t* bits = bit_generator(generator)
    cdef double[::1] rates = np.ascontiguousarray(rate_pps, dtype=np.float64)
    cdef float[::1] sizes = np.ascontiguousarray(packet_bits, dtype=np.float32)
    cdef Py_ssize_t n = rates.shape[0]
    if sizes.shape[0] != n:
        refuse("packet_bits", described(f"shape ({sizes.shape[0]},)"), f"shape ({n},) like rate_pps")
    check_window(window_ttis)
    cdef int32_t[::1] active = np.empty(n, dtype=np.int32)
    cdef double[::1] cumulative = np.empty(n)
    cdef Py_ssize_t n_active = 0
    cdef Py_ssize_t fault = -1
    cdef double total = 0.0
    cdef Py_ssize_t u
    with nogil:
        for u in range(n):
            if not (rates[u] >= 0.0 and isfinite(rates[u]) and sizes[u] > 0.0 and isfinite(sizes[u])):
                fault = u
                break
            # Written for idle users too and then overwritten: no branch that a random mask would mispredict.
            total += rates[u]
            active[n_active] = <int32_t> u
            cumulative[n_active] = total
            n_active += rates[u] > 0.0
    if fault >= 0:
        if not (rates[fault] >= 0.0 and isfinite(rates[fault])):
            refuse(f"rate_pps[{fault}]", rates[fault], "finite and at least 0")
        refuse(f"packet_bits[{fault}]", sizes[fault], "finite and above 0")

    cdef double mean = total * window_ttis * 1e-3
    if mean > MAX_PACKETS:
        refuse("rate_pps", described(f"{mean:.3g} packets in the window"), f"at most {MAX_PACKETS:.0g}")
    cdef int64_t n_packets = generator.poisson(mean) if n_active else 0
    user = np.empty(n_packets, dtype=np.int32)
    tti = np.empty(n_packets, dtype=np.int32)
    size = np.empty(n_packets, dtype=np.float32)
    if n_packets == 0:
        return user, tti, size

    cdef int32_t[::1] user_out = user
    cdef int32_t[::1] tti_out = tti
    cdef float[::1] bits_out = size
    cdef int32_t[::1] counts = np.zeros(window_ttis, dtype=np.int32)
    cdef int32_t[::1] guide = np.empty(GUIDE_PER_USER * n_active, dtype=np.int32)
    with generator.bit_generator.lock:
        with nogil:  # the arrays are ours alone, and the generator is locked
            spread(bits, counts, tti_out)
            build_guide(cumulative, n_active, total, guide)
            pick_users(bits, active, cumulative, guide, total, sizes, user_out, bits_out)
    return user, tti, size


cdef void spread(bitgen_t* bits, int32_t[::1] counts, int32_t[::1] tti) noexcept nogil:
    """Fill tti, sorted, with uniform draws: only their counts matter, because the packets are exchangeable."""
    cdef uint64_t window = <uint64_t> counts.shape[0]
    cdef Py_ssize_t k, position = 0
    cdef int32_t t, c
    for k in range(tti.shape[0]):
        # Multiply and shift: uniform but for at most window / 2^32, far below what any sample can tell.
        counts[<Py_ssize_t> ((<uint64_t> bits.next_uint32(bits.state) * window) >> 32)] += 1
    for t in range(<int32_t> counts.shape[0]):
        for c in range(counts[t]):
            tti[position] = t
            position += 1


cdef void build_guide(double[::1] cumulative, Py_ssize_t n, double total, int32_t[::1] guide) noexcept nogil:
    """Indexed search (Chen and Asau, 1974): guide[g] is the first user whose cumulative rate passes g / G of the total."""
    cdef Py_ssize_t g
    cdef Py_ssize_t i = 0
    cdef double width = total / guide.shape[0]
    cumulative[n - 1] = 2.0 * total  # a sentinel: the search below cannot run past the end
    for g in range(guide.shape[0]):
        while cumulative[i] <= g * width:
            i += 1
        guide[g] = <int32_t> i


cdef void pick_users(bitgen_t* bits, int32_t[::1] active, double[::1] cumulative, int32_t[::1] guide, double total,
                     float[::1] sizes, int32_t[::1] user, float[::1] packet_bits) noexcept nogil:
    """Draw each packet's user with probability proportional to its rate, in constant expected time."""
    cdef Py_ssize_t n = guide.shape[0]
    cdef Py_ssize_t k, i
    cdef double u, value
    for k in range(user.shape[0]):
        u = uniform(bits)
        value = u * total
        i = guide[<Py_ssize_t> (u * n)]
        while cumulative[i] <= value:
            i += 1
        user[k] = active[i]
        packet_bits[k] = sizes[active[i]]


cdef struct Packet:
    int32_t user
    int32_t tti
    float bits


cdef class Events:
    """A growing list of packets."""

    cdef Packet* packets
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity

    def __dealloc__(self):
        free(self.packets)

    cdef int push(self, Py_ssize_t user, Py_ssize_t tti, float bits) except -1 nogil:
        if self.size == self.capacity:
            self.grow()
        self.packets[self.size] = Packet(<int32_t> user, <int32_t> tti, bits)
        self.size += 1
        return 0

    cdef int grow(self) except -1 nogil:
        cdef Py_ssize_t capacity = 2 * self.capacity if self.capacity else 1024
        cdef void* packets = NULL
        if capacity <= <Py_ssize_t> MAX_PACKETS:
            packets = realloc(self.packets, capacity * sizeof(Packet))
        if not packets:
            with gil:
                raise MemoryError(f"more than {self.capacity} packets in one window")
        self.packets = <Packet*> packets
        self.capacity = capacity
        return 0

    cdef tuple arrays(self):
        """Return user (K,) int32, tti (K,) int32 and bits (K,) float32."""
        if not self.size:
            return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32)
        table = np.asarray(<Packet[:self.size]> self.packets)
        return table["user"].copy(), table["tti"].copy(), table["bits"].copy()


def draw_constant_arrivals(object active, object next_tti, float packet_bits, double interval_ttis, int window_ttis):
    """Let every active user send a packet each interval; its clock stops while it is idle.

    Parameters
    ----------
    active : ndarray, (U,) bool
        Who sends.
    next_tti : ndarray, (U,) float64
        Time to each user's next packet [TTI], changed in place.
    packet_bits : float
        Packet size [bit].
    interval_ttis : float
        Time between a user's packets [TTI].
    window_ttis : int
        Length of the window [TTI].

    Returns
    -------
    user, tti, bits : ndarray, (K,) int32, int32 and float32
        By user, not sorted by tti (see `order_by_tti`).

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind, shape or range; nothing is changed.
    """
    cdef const uint8_t[::1] sends = np.ascontiguousarray(active, dtype=np.bool_).view(np.uint8)
    cdef Py_ssize_t n = sends.shape[0]
    check_in_place("next_tti", next_tti, n)
    check_above_zero("packet_bits", packet_bits)
    check_above_zero("interval_ttis", interval_ttis)
    check_window(window_ttis)
    cdef double[::1] clock = next_tti
    cdef Events events = Events()
    cdef Py_ssize_t u
    with nogil:  # a pass over all users and packets
        for u in range(n):
            if sends[u]:
                clock[u] = send_evenly(events, u, clock[u], window_ttis, interval_ttis, packet_bits) - window_ttis
    return events.arrays()


cdef inline double send_evenly(Events events, Py_ssize_t user, double first, double end, double interval,
                               float packet_bits) except? -1.0 nogil:
    """Send from ``first`` on until ``end``; return the time of the packet after that."""
    while first < end:
        events.push(user, <Py_ssize_t> first, packet_bits)
        first += interval
    return first


def draw_on_off_arrivals(object generator, object active, object next_tti, object left_tti, float packet_bits,
                         double interval_ttis, double on_ttis, double off_ttis, int window_ttis):
    """Let every active user alternate between exponential on phases, with a packet each interval, and off phases.

    The first packet of a phase comes after a uniform part of the interval, so that a phase of length L sends
    L / interval packets on average. A user's clocks stop while it is idle.

    Parameters
    ----------
    generator : numpy.random.Generator
        Advanced by two draws per change to on and one per change to off.
    active : ndarray, (U,) bool
        Who takes part.
    next_tti : ndarray, (U,) float64
        Time to the next packet if on [TTI], changed in place.
    left_tti : ndarray, (U,) float64
        What is left of the phase [TTI], negative of it while off, changed in place.
    packet_bits : float
        Packet size [bit].
    interval_ttis : float
        Time between packets while on [TTI].
    on_ttis, off_ttis : float
        Mean lengths of the phases [TTI].
    window_ttis : int
        Length of the window [TTI].

    Returns
    -------
    user, tti, bits : ndarray, (K,) int32, int32 and float32
        By user, not sorted by tti (see `order_by_tti`).

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind, shape or range; nothing is changed.
    """
    cdef bitgen_t* bits = bit_generator(generator)
    cdef const uint8_t[::1] sends = np.ascontiguousarray(active, dtype=np.bool_).view(np.uint8)
    cdef Py_ssize_t n = sends.shape[0]
    check_in_place("next_tti", next_tti, n)
    check_in_place("left_tti", left_tti, n)
    names = ("packet_bits", "interval_ttis", "on_ttis", "off_ttis")
    for name, value in zip(names, (packet_bits, interval_ttis, on_ttis, off_ttis)):
        check_above_zero(name, value)
    check_window(window_ttis)
    cdef double[::1] clock = next_tti
    cdef double[::1] left = left_tti
    cdef Events events = Events()
    cdef Py_ssize_t u
    cdef double now, end
    with generator.bit_generator.lock:
        with nogil:  # a pass over all users, phases and packets
            for u in range(n):
                if not sends[u]:
                    continue
                now = 0.0
                while True:
                    end = now + fabs(left[u])
                    if left[u] > 0.0:
                        clock[u] = send_evenly(events, u, clock[u], min(end, window_ttis), interval_ttis, packet_bits)
                    if end > window_ttis:
                        break
                    now = end
                    if left[u] > 0.0:
                        left[u] = -off_ttis * exponential(bits)
                        continue
                    left[u] = on_ttis * exponential(bits)
                    clock[u] = now + interval_ttis * uniform(bits)
                left[u] = (end - window_ttis) if left[u] > 0.0 else window_ttis - end
                clock[u] -= window_ttis
    return events.arrays()


def order_by_tti(object tti, int window_ttis):
    """Return the order (K,) int32 that sorts packets by tti and keeps theirs within one, in O(K + window).

    Parameters
    ----------
    tti : ndarray, (K,) int32
        Of packets in any order.
    window_ttis : int
        Length of the window [TTI].

    Raises
    ------
    ValueError
        A tti is outside [0, window_ttis).
    """
    check_window(window_ttis)
    cdef const int32_t[::1] ttis = np.ascontiguousarray(tti, dtype=np.int32)
    cdef int32_t[::1] start = np.zeros(window_ttis + 1, dtype=np.int32)
    order = np.empty(ttis.shape[0], dtype=np.int32)
    cdef int32_t[::1] out = order
    cdef Py_ssize_t k
    cdef Py_ssize_t fault = -1
    with nogil:  # two passes over the packets
        for k in range(ttis.shape[0]):
            if ttis[k] < 0 or ttis[k] >= window_ttis:
                fault = k
                break
            start[ttis[k] + 1] += 1
        if fault < 0:
            for k in range(window_ttis):
                start[k + 1] += start[k]
            for k in range(ttis.shape[0]):
                out[start[ttis[k]]] = <int32_t> k
                start[ttis[k]] += 1
    if fault >= 0:
        refuse(f"tti[{fault}]", ttis[fault], f"[0, {window_ttis})")
    return order
