/* SPDX-License-Identifier: MIT */
#include "rules/rule_process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

/* The name, the process and the parent stand in the first lines. */
#define STATUS_BYTES 512

struct status {
	char name[RULE_PROCESS_NAME_MAX + 1];
	pid_t process;
	pid_t parent;
};

/* The kernel writes a line feed as \n, a backslash as \\. */
static void copy_name(char *to, const char *from)
{
	size_t length = 0;
	for (; *from != '\n' && *from != '\0'; from++) {
		char c = *from;
		if (c == '\\' && from[1] != '\0')
			c = *++from == 'n' ? '\n' : *from;
		if (length < RULE_PROCESS_NAME_MAX)
			to[length++] = c;
	}
	to[length] = '\0';
}

static pid_t number_of(const char *text, const char *key)
{
	const char *found = strstr(text, key);
	return found == NULL ? 0 : (pid_t)atol(found + strlen(key));
}

static bool read_status(pid_t pid, struct status *ret_status)
{
	static const char name[] = "Name:\t";
	char path[40];
	char text[STATUS_BYTES];
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (strncmp(text, name, strlen(name)) != 0)
		return false;
	copy_name(ret_status->name, text + strlen(name));
	ret_status->process = number_of(text, "\nTgid:\t");
	ret_status->parent = number_of(text, "\nPPid:\t");
	return true;
}

void rule_process_look(struct rule_process_line *line, pid_t thread)
{
	pid_t next = thread;
	if (line->known)
		return;
	line->known = true;
	while (next > 0 && line->count < RULE_PROCESS_DEPTH_MAX) {
		struct rule_process *process = &line->list[line->count++];
		struct status status = {.process = next};
		process->pid = next;
		process->name[0] = '\0';
		if (!read_status(next, &status))
			return;
		strcpy(process->name, status.name);
		/* A thread may have a name of its own. */
		next = status.process == next ? status.parent : status.process;
	}
}

bool rule_process_has_pid(const struct rule_process_line *line, pid_t pid)
{
	for (size_t i = 0; i < line->count; i++)
		if (line->list[i].pid == pid)
			return true;
	return false;
}

bool rule_process_has_name(const struct rule_process_line *line,
			   const char *name)
{
	for (size_t i = 0; i < line->count; i++)
		if (strcmp(line->list[i].name, name) == 0)
			return true;
	return false;
}
