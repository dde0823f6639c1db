"""The study: what to run, running and resuming it, and turning its result file into figures and a report."""
