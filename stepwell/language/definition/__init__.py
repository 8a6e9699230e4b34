"""Definitions: one walk that both validates the text of a state machine and compiles it.

`compile_definition` and `validate_definition` make the same walk, so that what validates also compiles.
"""

from stepwell.language.definition.machine import compile_definition, validate_definition

__all__ = ["compile_definition", "validate_definition"]
