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
	int go_read, go_write, report;
	sigset_t mask;
};

static void command_free(struct command *command)
{
	for (char **arg = command->argv; arg && *arg; arg++)
		free(*arg);
	free(command->argv);
	free(command);
}

/* A copy, because the caller goes on while the process waits. */
static bool copy_argv(struct command *command, char *const argv[])
{
	size_t argc = 0;

	while (argv[argc])
		argc++;
	command->argv = core_calloc(argc + 1, sizeof(*command->argv));
	for (size_t i = 0; command->argv && i < argc; i++) {
		size_t nbytes = strlen(argv[i]) + 1;

		command->argv[i] = core_malloc(nbytes);
		if (!command->argv[i])
			return false;
		memcpy(command->argv[i], argv[i], nbytes);
	}
	return command->argv;
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

/* Runs in the memory of the recorder, whose other threads go on. */
static void become(const struct command *command)
{
	char go;

	close(command->go_write);
	reset_signals();
	tell(command->report, getpid());
	if (read(command->go_read, &go, 1) == 1) {
		pthread_sigmask(SIG_SETMASK, &command->mask, NULL);
		execvp(command->argv[0], command->argv);
		tell(command->report, errno);
	}
	_exit(CANNOT);
}

/*
 * vfork() has this thread alone wait. A fork()ed process would free its copy of the recorder's page tables and pages
 * when it becomes the command: some 2000 events that are none of the command's.
 */
static void *run(void *context)
{
	struct command *command = context;
	pid_t pid = vfork();
	int error = -errno;

	if (!pid)
		become(command);
	/* A pipe that is empty takes it. */
	if (pid < 0 && write(command->report, &error, sizeof(error)) < 0)
		abort();
	command_free(command);
	return NULL;
}

int command_prepare(char *const argv[], int go_read, int go_write, int report)
{
	struct command *command = core_calloc(1, sizeof(*command));
	pthread_t thread;
	sigset_t all, before;
	int error;

	if (!command || !copy_argv(command, argv)) {
		if (command)
			command_free(command);
		return ENOMEM;
	}
	command->go_read = go_read;
	command->go_write = go_write;
	command->report = report;
	/* No handler of the recorder runs in that process. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	command->mask = before;
	error = core_pthread_create(&thread, run, command);
	if (error)
		command_free(command);
	else
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}
