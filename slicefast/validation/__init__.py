"""Evidence about the simulator: held against theory, outside data and published calibrations."""
