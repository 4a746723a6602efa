# SPDX-License-Identifier: MIT
# A command that waits to be let go (csrc/record/command.h)

cdef extern from "record/command.h":
    int command_start(char *const *argv, int gate, int lets_go, int report)


def start_held(tuple command not None, int gate, int lets_go, int report):
    """Start a process that writes its pid to REPORT, waits for GATE, and becomes COMMAND or writes the errno."""
    encoded = [argument.encode(errors="surrogateescape") for argument in command]
    cdef char **argv = <char **>PyMem_Malloc((len(encoded) + 1) * sizeof(char *))
    cdef Py_ssize_t i
    if argv == NULL:
        raise MemoryError
    try:
        for i in range(len(encoded)):
            argv[i] = encoded[i]
        argv[len(encoded)] = NULL
        error = command_start(<char *const *>argv, gate, lets_go, report)
    finally:
        PyMem_Free(argv)
    if error:
        raise errors.SystemCallError(f"a process for {command[0]!r}: {strerror(error).decode()}", error)
