/* SPDX-License-Identifier: MIT */
/*
 * assemble DIRECTORY C-FILES CPP-FILES: writes sources that compile, of pieces
 * that a careless translator would stumble on, with points among them; prints
 * how many points. FLAKEY_TEST_SEED repeats a run.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fusefs/seed.h"

#define DEPTH_MAX 4

struct maker {
	struct seed seed;
	FILE *file;
	bool cpp;
	const char *newline;
	int depth;
	bool in_loop;
	int names;  /* given so far, all different */
	int points; /* in all files */
};

static void line(struct maker *maker, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line(struct maker *maker, const char *format, ...)
{
	static const char *const indents[] = {"\t", "    ", " \t"};
	const char *indent = indents[seed_below(&maker->seed, 3)];
	va_list args;

	for (int i = 0; i < maker->depth; i++)
		fputs(indent, maker->file);
	va_start(args, format);
	vfprintf(maker->file, format, args);
	va_end(args);
	fputs(maker->newline, maker->file);
}

static void blank(struct maker *maker)
{
	if (seed_once_in(&maker->seed, 3))
		fputs(" \t", maker->file);
	fputs(maker->newline, maker->file);
}

static const char *pick(struct maker *maker, const char *const *words,
			size_t count)
{
	return words[seed_below(&maker->seed, (uint32_t)count)];
}

#define PICK(maker, words)                                                     \
	pick(maker, words, sizeof(words) / sizeof((words)[0]))

/* Inside of a string or a comment: nothing of it means anything. */
static const char *const traps[] = {
	"// gofail: var no int",
	"gofail: var no int",
	"{ } } {",
	"#if 0",
	"( [ ) ;",
	"/\" x",
	"#include <failpoint.h> ",
	"//",
	"failpoint //",
};

static void comment(struct maker *maker)
{
	/* Behind a point it would be code of it. */
	blank(maker);
	switch (seed_below(&maker->seed, 4)) {
	case 0:
		line(maker, "/* it's %s */", PICK(maker, traps));
		break;
	case 1:
		line(maker, "/* \" %s", PICK(maker, traps));
		line(maker, "// gofail: var no int");
		line(maker, "*/ /* a %s */", PICK(maker, traps));
		break;
	case 2:
		line(maker, "// it's \" { %s", PICK(maker, traps));
		break;
	default:
		line(maker, "/*/ %s /*/", "x");
		line(maker, "// the %s '", PICK(maker, traps));
	}
}

/* A type, and lines of code with NAME for the point, up to NULL. */
struct body {
	const char *type;
	const char *lines[5];
	bool loop; /* only inside of one */
};

static const struct body bodies[] = {
	{.type = "void"},
	{.type = "int"},
	{.type = "string"},
	{.type = "void", .lines = {" return 7;"}},
	{.type = "void", .lines = {" goto end;"}},
	{.type = "void", .lines = {"break;"}, .loop = true},
	{.type = "void", .lines = {" continue; // }"}, .loop = true},
	{.type = "void", .lines = {" // only // a comment"}},
	{.type = "void", .lines = {"", " /* { */ ;", ""}},
	{.type = "int", .lines = {" return NAME;"}},
	{.type = "int",
	 .lines = {" if (NAME > 3) {", "\tv -= NAME; // }", " }  "}},
	{.type = "int64_t", .lines = {" v += (int)(NAME >> 32);  "}},
	{.type = "string",
	 .lines = {" if (NAME[0] == '{')", "\tv += \"}\\\"{\"[v & 1]; // {"}},
	{.type = "const char *",
	 .lines = {" s = NAME;", " v += s[0] == '\\'' /* ' */;"}},
	{.type = "bool", .lines = {" v = NAME", "\t? 1", "\t: 2;"}},
	{.type = "errno", .lines = {"v = NAME;", "", "return -v; /* } */"}},
};

static void code_line(struct maker *maker, const char *code, const char *name)
{
	const char *at = strstr(code, "NAME");

	if (at)
		line(maker, "//%.*s%s%s", (int)(at - code), code, name, at + 4);
	else
		line(maker, "//%s", code);
}

static void point(struct maker *maker)
{
	static const char *const blanks[] = {" ", "", "\t", "   "};
	const struct body *body;
	char name[32];

	do
		body = &bodies[seed_below(&maker->seed,
					  sizeof(bodies) / sizeof(bodies[0]))];
	while (body->loop && !maker->in_loop);
	(void)snprintf(name, sizeof(name), "p%d", maker->names++);
	line(maker, "//%sgofail:%svar %s %s%s", PICK(maker, blanks),
	     PICK(maker, blanks), name, body->type, PICK(maker, blanks));
	for (size_t i = 0; i < 5 && body->lines[i]; i++)
		code_line(maker, body->lines[i], name);
	maker->points++;
}

static void statements(struct maker *maker, uint32_t most);

static void block(struct maker *maker, bool loop)
{
	bool before = maker->in_loop;

	maker->in_loop = loop;
	maker->depth++;
	statements(maker, 4);
	maker->depth--;
	maker->in_loop = before;
}

static void conditional(struct maker *maker)
{
	fprintf(maker->file, "#%sif %d /* { */%s", maker->depth % 2 ? " " : "",
		(int)seed_below(&maker->seed, 2), maker->newline);
	statements(maker, 3);
	if (seed_once_in(&maker->seed, 2)) {
		fprintf(maker->file, "#else // }%s", maker->newline);
		statements(maker, 3);
	}
	fprintf(maker->file, "#endif%s", maker->newline);
}

static void compound(struct maker *maker)
{
	int name = maker->names++;

	switch (seed_below(&maker->seed, 5)) {
	case 0:
		line(maker, "if (v > %d) {", name);
		block(maker, maker->in_loop);
		line(maker, "} else {");
		block(maker, maker->in_loop);
		line(maker, "}");
		break;
	case 1:
		line(maker, "for (int i%d = 0; i%d < 3; i%d++) {", name, name,
		     name);
		block(maker, true);
		line(maker, "}");
		break;
	case 2:
		line(maker, "switch (v) {");
		line(maker, "case %d:", name);
		block(maker, maker->in_loop);
		line(maker, "\tbreak;");
		line(maker, "default: v++;");
		block(maker, maker->in_loop);
		line(maker, "}");
		break;
	case 3:
		line(maker, "{ { CHECK(v, \"{\"); }");
		block(maker, maker->in_loop);
		line(maker, "}");
		break;
	default:
		conditional(maker);
	}
}

static void literal(struct maker *maker)
{
	switch (seed_below(&maker->seed, maker->cpp ? 5 : 4)) {
	case 0:
		line(maker, "v += (int)sizeof(\"%s\\\\\");",
		     seed_once_in(&maker->seed, 2) ? "// gofail: var no int"
						   : "/* \\\" {");
		break;
	case 1:
		line(maker, "v += '{' + '\\'' + '\"' + '\\\\';");
		break;
	case 2:
		line(maker, "v += (int)sizeof(\"a string \\");
		fprintf(maker->file, "// gofail: var no int\\%s",
			maker->newline);
		line(maker, "\" \"/*\" /* } {");
		line(maker, "// gofail: var no int */ \"*/\");");
		break;
	case 3:
		line(maker, "v \\");
		line(maker, "+= 1; /\\");
		fprintf(maker->file, "* } { *\\%s/%s", maker->newline,
			maker->newline);
		break;
	default:
		line(maker, "v += (int)sizeof(R\"x(\" )\" // gofail: \\");
		line(maker, "// gofail: var no int");
		line(maker, ")x\");");
	}
}

static void statement(struct maker *maker)
{
	switch (seed_below(&maker->seed, 10)) {
	case 0:
	case 1:
	case 2:
		point(maker);
		break;
	case 3:
		if (maker->depth < DEPTH_MAX)
			compound(maker);
		break;
	case 4:
		if (maker->depth < DEPTH_MAX)
			compound(maker);
		break;
	case 5:
		literal(maker);
		break;
	case 6:
		comment(maker);
		break;
	case 7:
		line(maker, "// gofail: label%d:", maker->names++);
		break;
	case 8:
		line(maker, "CHECK(v, \"/*\"); // a %s", PICK(maker, traps));
		break;
	default:
		line(maker, "v++, s++;");
	}
}

static void statements(struct maker *maker, uint32_t most)
{
	uint32_t count = seed_below(&maker->seed, most + 1);

	for (uint32_t i = 0; i < count; i++)
		statement(maker);
}

static void function(struct maker *maker)
{
	int name = maker->names++;

	line(maker, "int f%d(int v, const char *s);", name);
	if (seed_once_in(&maker->seed, 2))
		comment(maker);
	line(maker, "int f%d(int v, const char *s)%s", name,
	     seed_once_in(&maker->seed, 3) ? " {" : "\n{");
	maker->depth++;
	line(maker, "(void)s;");
	statements(maker, 12);
	line(maker, "// gofail: end:");
	line(maker, "return v;");
	maker->depth--;
	line(maker, "}");
}

static void preamble(struct maker *maker)
{
	if (seed_once_in(&maker->seed, 3))
		line(maker, "// The first line, it's %s", PICK(maker, traps));
	if (seed_once_in(&maker->seed, 3) && !maker->cpp)
		line(maker, "#define _GNU_SOURCE");
	if (seed_once_in(&maker->seed, 2))
		line(maker, "#include <stddef.h>");
	if (seed_once_in(&maker->seed, 4))
		blank(maker);
	if (seed_once_in(&maker->seed, 4))
		line(maker, "/* it's a %s */", PICK(maker, traps));
	line(maker, "#define CHECK(x, text) \\");
	line(maker, "\tdo { /* // gofail: { \\");
	line(maker, "\t*/ (void)(x); (void)text; \\");
	line(maker, "\t} while (0)");
	if (seed_once_in(&maker->seed, 3)) {
		line(maker, "#if 0");
		line(maker, "{ ( ' \" /* '");
		line(maker, "*/ }");
		line(maker, "#endif");
	}
	if (seed_once_in(&maker->seed, 2))
		blank(maker);
	else
		line(maker, "// a %s", PICK(maker, traps));
	if (seed_once_in(&maker->seed, 3))
		line(maker, "int before(int *a); // {");
}

static void source(struct maker *maker, const char *folder, int number)
{
	static const char *const newlines[] = {"\n", "\n", "\n", "\r\n"};
	uint32_t functions = 1 + seed_below(&maker->seed, 6);
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%d.%s", folder, number,
		       maker->cpp ? "cpp" : "c");
	maker->file = fopen(path, "we");
	if (!maker->file) {
		perror(path);
		exit(1);
	}
	maker->newline = PICK(maker, newlines);
	preamble(maker);
	for (uint32_t i = 0; i < functions; i++)
		function(maker);
	/* The end may come in the middle of a line. */
	if (seed_once_in(&maker->seed, 4))
		fputs("// gofail is the last word", maker->file);
	if (fclose(maker->file) != 0) {
		perror(path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static struct maker maker;

	if (argc != 4) {
		fprintf(stderr, "assemble DIRECTORY C-FILES CPP-FILES\n");
		return 2;
	}
	seed_start(&maker.seed);
	for (int i = 0; i < atoi(argv[2]); i++)
		source(&maker, argv[1], i);
	maker.cpp = true;
	for (int i = 0; i < atoi(argv[3]); i++)
		source(&maker, argv[1], i);
	printf("%d\n", maker.points);
	return 0;
}
