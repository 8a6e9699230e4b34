"""Stepwell: jobs that outlive a request, run as AWS Step Functions state machines on your own machine."""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it, without the 8 ms that `typing` takes to import
if TYPE_CHECKING:
    from stepwell.app import Stepwell

__version__ = "0.1.0"
__all__ = ["Stepwell"]


def __getattr__(name: str) -> type[Stepwell]:
    # Late, so that the command line starts without what it does not need.
    if name == "Stepwell":
        from stepwell.app import Stepwell

        return Stepwell
    raise AttributeError(f"module 'stepwell' has no attribute {name!r}")
