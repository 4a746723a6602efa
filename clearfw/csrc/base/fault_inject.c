/* SPDX-License-Identifier: MIT */

#include "base/fault_inject.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_ullong nr_calls;
static atomic_llong countdown; /* the call that takes it to 0 fails */

void fault_inject_after(uint64_t n)
{
	atomic_store(&countdown, (long long)n);
}

uint64_t fault_inject_calls(void)
{
	return atomic_load(&nr_calls);
}

/* Whether this call is the one, errno then set to ERROR. */
static bool fails(int error)
{
	atomic_fetch_add(&nr_calls, 1);
	if (atomic_load(&countdown) <= 0 || atomic_fetch_sub(&countdown, 1) != 1)
		return false;
	errno = error;
	return true;
}

void *core_malloc(size_t nbytes)
{
	return fails(ENOMEM) ? NULL : malloc(nbytes);
}

void *core_calloc(size_t count, size_t nbytes)
{
	return fails(ENOMEM) ? NULL : calloc(count, nbytes);
}

void *core_mmap(void *addr, size_t nbytes, int prot, int flags, int fd, off_t offset)
{
	return fails(ENOMEM) ? MAP_FAILED : mmap(addr, nbytes, prot, flags, fd, offset);
}

int core_madvise(void *addr, size_t nbytes, int advice)
{
	return fails(ENOMEM) ? -1 : madvise(addr, nbytes, advice);
}

int core_memfd_create(const char *name, unsigned int flags)
{
	return fails(EMFILE) ? -1 : memfd_create(name, flags);
}

int core_ftruncate(int fd, off_t nbytes)
{
	return fails(ENOMEM) ? -1 : ftruncate(fd, nbytes);
}

int core_pthread_create(pthread_t *thread, void *(*run)(void *), void *context)
{
	return fails(EAGAIN) ? EAGAIN : pthread_create(thread, NULL, run, context);
}

int core_pthread_setspecific(pthread_key_t key, const void *value)
{
	return fails(ENOMEM) ? ENOMEM : pthread_setspecific(key, value);
}
