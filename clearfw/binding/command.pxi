# SPDX-License-Identifier: MIT
# A command that is prepared, and waits for its start (csrc/record/command.h)

cdef extern from "record/command.h":
    int command_prepare(char *const *argv, int go_read, int go_write, int report)


def prepare_command(tuple command not None, int go_read, int go_write, int report):
    """Start a process that writes its pid to REPORT, waits for a byte from GO_READ, and becomes COMMAND or writes the errno."""
    encoded = [argument.encode(errors="surrogateescape") for argument in command]
    cdef char **argv = <char **>PyMem_Malloc((len(encoded) + 1) * sizeof(char *))
    cdef Py_ssize_t i
    if argv == NULL:
        raise MemoryError
    try:
        for i in range(len(encoded)):
            argv[i] = encoded[i]
        argv[len(encoded)] = NULL
        error = command_prepare(<char *const *>argv, go_read, go_write, report)
    finally:
        PyMem_Free(argv)
    if error:
        raise errors.SystemCallError(f"a process for {command[0]!r}: {strerror(error).decode()}", error)
