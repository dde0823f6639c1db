"""Files that a coverage-guided fuzzer makes up, read as `files.py` reads its own; needs atheris (the extra `dev`).

    python tests/fuzz/guided.py toml -runs=100000          # or trace, sites, packets, td3, vae, run, study, ...

Options after the kind are libFuzzer's. It stops at the first finding, and leaves the input in the current folder.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path

import atheris

# Numba compiles the kernels from their bytecode, and knows no counter of branches.
with atheris.instrument_imports(include=["slicefast"], exclude=["slicefast.kernels"]):
    sys.path.insert(0, str(Path(__file__).parent))
    import files


def main() -> None:
    name, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        kind = files.make_kinds(Path(folder))[name]
        good, corpus = kind.read(), Path(folder) / "corpus"
        corpus.mkdir()
        (corpus / "good").write_bytes(kind.path.read_bytes())
        signal.signal(signal.SIGPROF, files._alarm)

        def try_one(data: bytes) -> None:
            outcome, problem = files.try_input(kind, good, kind.sealed(data) if kind.sealed else data)
            if outcome == "finding" and not problem.startswith("taken"):
                raise RuntimeError(problem)

        atheris.Setup([sys.argv[0], *options, str(corpus)], try_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
