"""A mutant put into functions that are imported already, so that nothing need be imported again for it."""

import gc
import warnings
from collections.abc import Iterator
from types import CodeType, FunctionType

IS_FUNCTION = 0x1  # CO_OPTIMIZED: a function's code, not a module's or a class's body


def patch(before: str, after: str, path: str) -> bool:
    """Give each function of a file that a change reaches its new code; return whether that is all of the change.

    What a module, a class body, a default or a decorator does is done once, at import: such a change is left alone.
    """
    with warnings.catch_warnings():
        # such as of `is` with a literal, which a change has made, or of an object that is deprecated and only looked at
        warnings.simplefilter("ignore")
        old, new = (compile(text, path, "exec", dont_inherit=True) for text in (before, after))
        functions = [each for each in gc.get_objects() if isinstance(each, FunctionType)]
    changed = list(_changed(old, new))
    if not changed or not all(each[0].co_flags & IS_FUNCTION for each in changed if _own(each[0]) != _own(each[1])):
        return False
    codes = {each: other for each, other in changed if each.co_flags & IS_FUNCTION}
    found = 0
    for function in functions:
        if function.__code__.co_filename == path and function.__code__ in codes:
            function.__code__ = codes[function.__code__]
            found += 1
    return found > 0


def _own(code: CodeType) -> tuple:
    """Return what a code does itself, without what it makes functions of."""
    constants = tuple("code" if isinstance(each, CodeType) else repr(each) for each in code.co_consts)
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars


def _changed(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield the codes that differ, themselves or in what lies in them, the outermost first."""
    if old == new:
        return
    yield old, new
    inner = [[each for each in code.co_consts if isinstance(each, CodeType)] for code in (old, new)]
    # another number of functions inside: then the code around them differs too
    for pair in zip(*inner, strict=False):
        yield from _changed(*pair)
