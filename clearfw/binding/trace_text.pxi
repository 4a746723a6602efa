# SPDX-License-Identifier: MIT
# Page events from text (csrc/trace/trace_text.h)

cdef extern from "trace/trace_text.h" nogil:
    int TRACE_TEXT_BAD
    struct trace_text_bad:
        uint64_t line
        uint32_t column
        uint32_t nfound
        const char *expected
        char *found
    struct c_trace_text "trace_text":
        uint64_t lines
        uint64_t comments
        uint64_t others
        uint64_t losses
        uint64_t bads
        uint64_t lost
        uint64_t backwards
        int form
        trace_text_bad *bad
        c_intern gfp
    size_t trace_text_feed(c_trace_text *text, const char *bytes, size_t nbytes, trace_events *events)
    void trace_text_end(c_trace_text *text, trace_events *events)
    void trace_text_deinit(c_trace_text *text)

cdef tuple _FORMS = (None, "ftrace", "trace-cmd report", "perf script")


cdef class TraceText:
    """A text being read: counts of its lines, and events in columns of clearfw.traces.Events."""

    cdef c_trace_text *c

    def __cinit__(self):
        self.c = <c_trace_text *>PyMem_Malloc(sizeof(c_trace_text))
        if self.c == NULL:
            raise MemoryError("a text's parser")
        c_memset(self.c, 0, sizeof(c_trace_text))

    def __dealloc__(self):
        if self.c != NULL:
            trace_text_deinit(self.c)
            PyMem_Free(self.c)

    def feed(self, const uint8_t[::1] text, into, Py_ssize_t filled):
        """Return how many bytes of TEXT were read, and how many events INTO then has, of which FILLED before.

        The gfp column has indexes into gfp_flags. It ends early where INTO is full.
        """
        cdef trace_events events = _columns(into)
        cdef size_t read = 0
        events.nr = filled
        if text.shape[0]:
            with nogil:
                read = trace_text_feed(self.c, <const char *>&text[0], text.shape[0], &events)
        return read, events.nr

    def end(self, into, Py_ssize_t filled) -> int:
        """Read a last line that no newline ends; return how many events INTO, with room for one, then has."""
        cdef trace_events events = _columns(into)
        if filled >= <Py_ssize_t>events.room:
            raise ValueError("no room for the last event")
        events.nr = filled
        trace_text_end(self.c, &events)
        return events.nr

    @property
    def form(self):
        """Program that printed the first event: "ftrace", "trace-cmd report" or "perf script"; None before it."""
        return _FORMS[self.c.form]

    @property
    def lines(self) -> dict:
        """Lines by what they are; all others are events."""
        cdef c_trace_text *c = self.c
        return {
            "all": c.lines,
            "comments": c.comments,
            "other_events": c.others,
            "losses": c.losses,
            "bad": c.bads,
        }

    @property
    def lost(self) -> int:
        """Events that the text says were lost."""
        return self.c.lost

    @property
    def backwards(self) -> int:
        """Events with an earlier time than the one before them."""
        return self.c.backwards

    @property
    def bad(self) -> list:
        """The first bad lines: line, column, the expected text, and the bytes found."""
        cdef trace_text_bad *bad
        found = []
        for i in range(min(self.c.bads, TRACE_TEXT_BAD)):
            bad = &self.c.bad[i]
            found.append((bad.line, bad.column, bad.expected.decode(), bad.found[:bad.nfound]))
        return found

    @property
    def gfp_flags(self) -> list:
        """The texts of gfp flags, each once."""
        cdef c_intern *gfp = &self.c.gfp
        return [gfp.value[i].bytes[:gfp.value[i].nbytes] for i in range(gfp.nr)]
