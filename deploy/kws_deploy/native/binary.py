"""A model as one program that needs nothing on the machine that it runs on: `export_binary`."""

from __future__ import annotations

from pathlib import Path

from kws.errors import KwsError
from kws.files import whole_file
from kws.modelfile import ModelFile

from .compiler import TARGETS, check_compiler, compile_c, package_sources
from .stream import stream_sources


def export_binary(model: ModelFile, target: str, path: Path) -> int:
    """Write a model as a program: whole, or not at all.

    Parameters
    ----------
    model : ModelFile
        An int8 model of the task commands or wake-words, with one front end.
    target : str
        One of `TARGETS`.
    path : Path
        The file to write.

    Returns
    -------
    int
        Its bytes.

    Raises
    ------
    ModelError
        If the model cannot be exported; says why and what to do.
    KwsError
        If the compiler is missing or fails, or the file cannot be written.
    """
    check_compiler()
    program = compile_c(binary_sources(model, target), TARGETS[target])
    try:
        with whole_file(path) as file:
            file.write(program)
        if path.is_file():
            path.chmod(path.stat().st_mode | (path.stat().st_mode & 0o444) >> 2)
    except OSError as error:
        raise KwsError(f"{path}: cannot be written ({error.strerror}): name another") from None
    return len(program)


def binary_sources(model: ModelFile, target: str) -> dict[str, bytes]:
    """Return the text of each source file of a program.

    Parameters
    ----------
    model : ModelFile
        A model for commands or wake words, its network in int8.
    target : str
        One of `TARGETS`.
    """
    wanted = f"platform_{TARGETS[target].platform}.c"
    program = package_sources(__package__, "binary")
    other = [name for name in program if name.startswith("platform_") and name != wanted]
    for name in other:
        del program[name]
    return stream_sources(model) | program
