/* SPDX-License-Identifier: MIT */
/*
 * Resources that the host may refuse: memory, mappings, files, threads. The core gets all of them here,
 * so that a test can have any one call refused (fault injection: lib/fault-inject.c, 7.3). None of
 * these calls is on the way of an allocation that the free lists serve.
 */
#ifndef CLEARFW_FAULT_INJECT_H
#define CLEARFW_FAULT_INJECT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The Nth call from now on, in any thread, fails as if the host had no resources left; 0: none fails. */
void fault_inject_after(uint64_t n);
/* Calls so far. */
uint64_t fault_inject_calls(void);

/* As the calls without core_, in result and errno. */
void *core_malloc(size_t nbytes);
void *core_calloc(size_t count, size_t nbytes);
void *core_mmap(void *addr, size_t nbytes, int prot, int flags, int fd, off_t offset);
int core_madvise(void *addr, size_t nbytes, int advice);
int core_memfd_create(const char *name, unsigned int flags);
int core_ftruncate(int fd, off_t nbytes);
int core_pthread_create(pthread_t *thread, void *(*run)(void *), void *context);
int core_pthread_setspecific(pthread_key_t key, const void *value);

#endif
