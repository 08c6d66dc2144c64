"""`make test-matrix`: the tests on every Python that pyproject claims, with the newest TensorFlow
and with the oldest. A Python that is not on the machine is said and left out."""

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
OLDEST = "2.18.*"  # TensorFlow's; there is none of it for Python 3.13

nox.options.default_venv_backend = "venv"


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    session.install("-e", ".[cloud,dev,parquet,ray]")
    session.run("pytest", "-q", "-n", "2", *session.posargs)


@nox.session(python=PYTHONS[:-1])
def oldest(session: nox.Session) -> None:
    # Without the cloud's libraries, which want a newer protobuf than this TensorFlow takes.
    session.install("-e", ".[dev,parquet,ray]", f"tensorflow=={OLDEST}")
    session.run("pytest", "-q", "-n", "2", *session.posargs)
