/* SPDX-License-Identifier: MIT */
#include "failpoints/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "failpoint"
/* Room for an escape, "...", the quote and the NUL. */
#define TAIL_BYTES 9

void say(const char *format, ...)
{
	char line[SAY_BYTES_MAX] = PREFIX;
	size_t length = strlen(PREFIX);
	size_t room = sizeof(line) - length - 1;
	va_list arguments;
	int wanted;

	va_start(arguments, format);
	wanted = vsnprintf(line + length, room, format, arguments);
	va_end(arguments);
	if (wanted > 0)
		length += (size_t)wanted < room ? (size_t)wanted : room - 1;
	line[length++] = '\n';
	/* There is nobody to tell that stderr is closed. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

static size_t escape(char *to, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	if (byte == '"' || byte == '\\') {
		to[0] = '\\';
		to[1] = (char)byte;
		return 2;
	}
	if (byte >= ' ' && byte != 0x7f) {
		to[0] = (char)byte;
		return 1;
	}
	to[0] = '\\';
	to[1] = 'x';
	to[2] = digits[byte >> 4];
	to[3] = digits[byte & 15];
	return 4;
}

const char *say_quoted(const char *text, char *buffer, size_t size_bytes)
{
	size_t length = 1;

	buffer[0] = '"';
	for (; *text; text++) {
		if (length + TAIL_BYTES > size_bytes) {
			memcpy(buffer + length, "...", 3);
			length += 3;
			break;
		}
		length += escape(buffer + length, (unsigned char)*text);
	}
	buffer[length++] = '"';
	buffer[length] = '\0';
	return buffer;
}
