/* SPDX-License-Identifier: MIT */

#include "record/command.h"

#include "base/fault_inject.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CANNOT 127 /* as a shell's status for it */

struct command {
	char **argv;
	int gate, lets_go, report;
	sigset_t mask;
};

static void command_free(struct command *held)
{
	for (char **arg = held->argv; arg && *arg; arg++)
		free(*arg);
	free(held->argv);
	free(held);
}

/* A copy: whoever called goes on while the process waits. */
static bool copy_argv(struct command *held, char *const argv[])
{
	size_t argc = 0;

	while (argv[argc])
		argc++;
	held->argv = core_calloc(argc + 1, sizeof(*held->argv));
	for (size_t i = 0; held->argv && i < argc; i++) {
		size_t nbytes = strlen(argv[i]) + 1;

		held->argv[i] = core_malloc(nbytes);
		if (!held->argv[i])
			return false;
		memcpy(held->argv[i], argv[i], nbytes);
	}
	return held->argv;
}

/* Handlers are the recorder's; Python ignores two signals. What else is ignored stays so, as for nohup. */
static void reset_signals(void)
{
	struct sigaction action;

	for (int signum = 1; signum < NSIG; signum++) {
		bool pythons = signum == SIGPIPE || signum == SIGXFSZ;

		if (!sigaction(signum, NULL, &action) && (action.sa_handler != SIG_IGN || pythons))
			signal(signum, SIG_DFL);
	}
}

static void tell(int fd, int value)
{
	if (write(fd, &value, sizeof(value)) < 0)
		_exit(CANNOT);
}

/* In the memory of the recorder, all of whose threads but this one go on. */
static void become(const struct command *held)
{
	char go;

	close(held->lets_go);
	reset_signals();
	tell(held->report, getpid());
	if (read(held->gate, &go, 1) == 1) {
		pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
		execvp(held->argv[0], held->argv);
		tell(held->report, errno);
	}
	_exit(CANNOT);
}

/*
 * vfork() has this thread alone wait. A fork()ed process would free its copy of the recorder's page tables and pages
 * when it becomes the command: some 2000 events that are none of the command's.
 */
static void *run(void *context)
{
	struct command *held = context;
	pid_t pid = vfork();
	int error = -errno;

	if (!pid)
		become(held);
	/* A pipe that is empty takes it. */
	if (pid < 0 && write(held->report, &error, sizeof(error)) < 0)
		abort();
	command_free(held);
	return NULL;
}

int command_start(char *const argv[], int gate, int lets_go, int report)
{
	struct command *held = core_calloc(1, sizeof(*held));
	pthread_t thread;
	sigset_t all, before;
	int error;

	if (!held || !copy_argv(held, argv)) {
		if (held)
			command_free(held);
		return ENOMEM;
	}
	held->gate = gate;
	held->lets_go = lets_go;
	held->report = report;
	/* No handler of the recorder runs in that process. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	held->mask = before;
	error = core_pthread_create(&thread, run, held);
	if (error)
		command_free(held);
	else
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}
