# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, embedsignature=False
"""How users move, drawn through NumPy's C random API.

Loops call the generator's ``bitgen_t`` directly with the GIL released and the generator's lock held, so that Python
threads with generators of their own run side by side and a shared generator is never torn.

====== ====================================================== ========
symbol meaning                                                unit
====== ====================================================== ========
s, t   lattice coordinates, (x, y) = s v1 + t v2              -
U      users
====== ====================================================== ========
"""

from libc.math cimport fabs, floor, isfinite, log1p
from libc.stdint cimport int64_t
from numpy.random cimport bitgen_t

from slicefast._generator cimport bit_generator, check_in_place, uniform

from slicefast.errors import refuse

cdef double TWO_PI = 6.283185307179586
cdef double INVERSE_TWO_PI = 1.0 / 6.283185307179586
cdef double ROUND = 6755399441055744.0
cdef enum: BLOCK = 128  # users walked at once


def move_users(object generator, object x, object y, object heading, double step_m, double turn_probability,
               double v1x, double v1y, double v2x, double v2y, bint wrap):
    """Walk every user one step along its heading, after a turn to a random direction with the given probability.

    x += step_m cos(heading), y += step_m sin(heading), in place; on a torus back into {s v1 + t v2 : 0 <= s, t < 1},
    otherwise reflected at the box [0, v1x] x [0, v2y] (the heading with it).

    Parameters
    ----------
    generator : numpy.random.Generator
        Advanced by about two draws per turn.
    x, y : ndarray, (U,) float64
        Positions [m].
    heading : ndarray, (U,) float64
        Directions of movement [rad], counter-clockwise from the x axis.
    step_m : float
        Distance per step [m].
    turn_probability : float
        Of each user in this step.
    v1x, v1y, v2x, v2y : float
        The area's sides [m]; without wrap v1y and v2x must be 0.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind, shape or range; nothing is changed.
    """
    cdef bitgen_t* bits = bit_generator(generator)
    cdef Py_ssize_t n = len(x)
    for name, array in (("x", x), ("y", y), ("heading", heading)):
        check_in_place(name, array, n)
    if not (isfinite(step_m) and step_m >= 0.0):
        refuse("step_m", step_m, "finite and at least 0")
    if not 0.0 <= turn_probability <= 1.0:
        refuse("turn_probability", turn_probability, "[0, 1]")
    cdef double det = v1x * v2y - v1y * v2x
    if not isfinite(det) or fabs(det) <= 0.0:
        refuse("v1, v2", ((v1x, v1y), (v2x, v2y)), "vectors that span an area")
    if not wrap and (v1y != 0.0 or v2x != 0.0 or v1x <= 0.0 or v2y <= 0.0):
        refuse("v1, v2", ((v1x, v1y), (v2x, v2y)), "vectors along x and y, without wrap")
    cdef double[::1] xs = x
    cdef double[::1] ys = y
    cdef double[::1] headings = heading
    with generator.bit_generator.lock:
        with nogil:  # a pass over all users; other threads may step their own replicas meanwhile
            turn(bits, headings, turn_probability)
            if wrap:
                walk_torus(xs, ys, headings, step_m, v1x, v1y, v2x, v2y, 1.0 / det)
            else:
                walk_box(xs, ys, headings, step_m, v1x, v2y)


cdef void turn(bitgen_t* bits, double[::1] heading, double probability) noexcept nogil:
    """Give every user a new direction with the given probability; draws only for those that turn.

    The number of users passed over between two turns is geometric: floor(ln(1 - u) / ln(1 - p)).
    """
    cdef double n = <double> heading.shape[0]
    cdef double user = 0.0
    cdef double scale
    if probability <= 0.0:
        return
    scale = 1.0 / log1p(-probability)  # -0.0 if the probability is 1: nobody is passed over
    while True:
        user += floor(log1p(-uniform(bits)) * scale)
        if not user < n:
            return
        heading[<Py_ssize_t> user] = TWO_PI * uniform(bits)
        user += 1.0


cdef inline void direction(double heading, double* c, double* s) noexcept nogil:
    """Cosine and sine by their series at half the angle, to 1e-13: the same on every machine, and half libm's time."""
    # Adding and taking away 1.5 * 2^52 rounds to the nearest integer.
    cdef double turns = (heading * INVERSE_TWO_PI + ROUND) - ROUND
    cdef double z = 0.5 * (heading - turns * TWO_PI)  # in [-pi/2, pi/2]
    cdef double q = z * z
    cdef double a = z * (1 - q * (1.0 / 6) * (1 - q * (1.0 / 20) * (1 - q * (1.0 / 42) * (1 - q * (1.0 / 72) * (
        1 - q * (1.0 / 110) * (1 - q * (1.0 / 156) * (1 - q * (1.0 / 210) * (1 - q * (1.0 / 272)))))))))
    cdef double b = 1 - q * (1.0 / 2) * (1 - q * (1.0 / 12) * (1 - q * (1.0 / 30) * (1 - q * (1.0 / 56) * (1 - q * (1.0 / 90) * (
        1 - q * (1.0 / 132) * (1 - q * (1.0 / 182) * (1 - q * (1.0 / 240) * (1 - q * (1.0 / 306)))))))))
    c[0] = b * b - a * a
    s[0] = 2 * a * b


cdef void walk(double[::1] x, double[::1] y, double[::1] heading, double step_m) noexcept nogil:
    """Walk straight on, a block of users at a time: short plain loops, which the compiler turns into vector code."""
    cdef double[BLOCK] c, s
    cdef Py_ssize_t k, n, first = 0
    while first < x.shape[0]:
        n = min(<Py_ssize_t> BLOCK, x.shape[0] - first)
        for k in range(n):
            direction(heading[first + k], &c[k], &s[k])
        for k in range(n):
            x[first + k] += step_m * c[k]
            y[first + k] += step_m * s[k]
        first += n


cdef void walk_torus(double[::1] x, double[::1] y, double[::1] heading, double step_m,
                     double v1x, double v1y, double v2x, double v2y, double inverse) noexcept nogil:
    """Walk, then subtract whole sides, so that whoever stays inside moves by exactly the step."""
    cdef Py_ssize_t u
    cdef double s, t
    walk(x, y, heading, step_m)
    for u in range(x.shape[0]):
        s = (x[u] * v2y - y[u] * v2x) * inverse
        t = (v1x * y[u] - v1y * x[u]) * inverse
        if s < 0.0 or s >= 1.0 or t < 0.0 or t >= 1.0:
            x[u] -= floor(s) * v1x + floor(t) * v2x
            y[u] -= floor(s) * v1y + floor(t) * v2y


cdef void walk_box(double[::1] x, double[::1] y, double[::1] heading, double step_m,
                   double width, double height) noexcept nogil:
    """Walk, folding the way back at the walls of [0, width] x [0, height] as often as it meets them."""
    cdef Py_ssize_t u
    walk(x, y, heading, step_m)
    for u in range(x.shape[0]):
        if x[u] < 0.0 or x[u] > width:
            heading[u] = fold(&x[u], width, TWO_PI * 0.5 - heading[u], heading[u])
        if y[u] < 0.0 or y[u] > height:
            heading[u] = fold(&y[u], height, -heading[u], heading[u])
        if heading[u] < 0.0:
            heading[u] += TWO_PI


cdef inline double fold(double* position, double size, double mirrored, double straight) noexcept nogil:
    """Fold a position into [0, size]; return the mirrored heading if it met the walls an odd number of times."""
    cdef double laps = floor(position[0] / size)
    cdef double rest = position[0] - laps * size
    cdef bint odd = (<int64_t> laps) % 2 != 0
    position[0] = min(max(size - rest if odd else rest, 0.0), size)
    return mirrored if odd else straight
