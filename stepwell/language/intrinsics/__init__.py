"""The intrinsic functions of the States Language: `States.Format`, `States.Array` and the others.

One file per family, named as in the AWS documentation; `functions` lists them, `syntax` parses a call, `call` runs it.
"""

from stepwell.language.intrinsics.syntax import compile_intrinsic

__all__ = ["compile_intrinsic"]
