/* SPDX-License-Identifier: MIT */
#include "mm/machine.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct machine *list;
static uint64_t last_id;
static pthread_once_t once = PTHREAD_ONCE_INIT;

unsigned int machines_forks;

/* The child has a copy of the parent's machines over the same memory: it must not touch them. */
static void forget_machines(void)
{
	machines_forks++;
	list = NULL;
	pthread_mutex_init(&list_lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forget_machines);
}

void machines_lock(void)
{
	pthread_mutex_lock(&list_lock);
}

void machines_unlock(void)
{
	pthread_mutex_unlock(&list_lock);
}

struct machine *machines_first(void)
{
	return list;
}

void machines_add(struct machine *machine)
{
	pthread_once(&once, watch_forks);
	machines_lock();
	machine->id = ++last_id;
	machine->next = list;
	list = machine;
	machines_unlock();
}

void machines_remove(struct machine *machine)
{
	machines_lock();
	for (struct machine **link = &list; *link; link = &(*link)->next)
		if (*link == machine) {
			*link = machine->next;
			break;
		}
	machines_unlock();
}

void machine_stats(struct machine *machine, struct clearfw_stats *stats)
{
	pthread_mutex_lock(&machine->lock);
	*stats = machine->retired_stats;
	for (struct cpu *cpu = machine->cpus; cpu; cpu = cpu->next)
		clearfw_stats_add(stats, &cpu->stats);
	pthread_mutex_unlock(&machine->lock);
}

void machine_reset_stats(struct machine *machine)
{
	pthread_mutex_lock(&machine->lock);
	machine->retired_stats = (struct clearfw_stats){ 0 };
	for (struct cpu *cpu = machine->cpus; cpu; cpu = cpu->next)
		cpu->stats = (struct clearfw_stats){ 0 };
	pthread_mutex_unlock(&machine->lock);
}

void machine_set_primitive(struct machine *machine, const struct clearfw_primitive *primitive)
{
	for (int size = 0; size < NR_PRIMITIVE_SIZES; size++)
		machine->primitive[size] = primitive;
}

uint64_t machine_nr_free(struct machine *machine)
{
	uint64_t nr_free;

	/* Under the lock, so that a thread that ends does not move its pages between the two readings. */
	pthread_mutex_lock(&machine->lock);
	nr_free = machine->zone[ZONE_NORMAL].nr_free + machine->zone[ZONE_HIGHMEM].nr_free;
	for (struct cpu *cpu = machine->cpus; cpu; cpu = cpu->next)
		nr_free += cpu->pcp[ZONE_NORMAL].count + cpu->pcp[ZONE_HIGHMEM].count;
	pthread_mutex_unlock(&machine->lock);
	return nr_free;
}
