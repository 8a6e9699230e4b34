"""The Parallel state.

Rules that must stay true here:
- A Parallel has at least one branch, and keeps the order of its branches: it is the order of its result.
"""

from __future__ import annotations

from stepwell.language.definition.catch import read_catch
from stepwell.language.definition.node import Node
from stepwell.language.definition.retry import read_retry
from stepwell.language.definition.setting import Common
from stepwell.language.model import Parallel, Program


def branch_nodes(node: Node) -> list[Node]:
    """The objects that are the state's branches."""
    node.require("Branches")
    return list(node.objects("Branches", at_least=1))


def read_parallel(node: Node, common: Common, branches: tuple[Program, ...]) -> Parallel:
    """`branches` are the compiled branches; one that has a fault is left out."""
    retry, catch = read_retry(node), read_catch(node, common.language)
    return Parallel(
        name=common.name,
        flow=common.flow,
        next=common.next,
        comment=common.comment,
        branches=branches,
        retry=retry,
        catch=catch,
    )
