/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "fusefs/acl.h"
#include "tests/unit/fusefs/seed.h"

#define VALUE_MAX 512

/* A list in words: "u:rwx u1000:r-- g:r-x m:rwx o:---" with octal digits for
 * permissions, "u:7 u1000:4 g:5 m:7 o:0". */
struct value {
	size_t size;
	unsigned char bytes[VALUE_MAX];
};

static void put(struct value *value, uint64_t number, size_t size)
{
	uint64_t little = htole64(number);

	assert_true(value->size + size <= VALUE_MAX);
	memcpy(value->bytes + value->size, &little, size);
	value->size += size;
}

static void put_entry(struct value *value, const char *word)
{
	char letter, digits[16] = "";
	unsigned int permissions;

	if (sscanf(word, "%c:%o", &letter, &permissions) != 2)
		assert_int_equal(sscanf(word, "%c%15[0-9]:%o", &letter, digits,
					&permissions),
				 3);
	bool named = digits[0] != '\0';
	unsigned int tag = letter == 'u'   ? ACL_USER_OBJ
			   : letter == 'g' ? ACL_GROUP_OBJ
			   : letter == 'm' ? ACL_MASK
			   : letter == 'o' ? ACL_OTHER
					   : 0x40;
	put(value, named ? tag << 1 : tag, 2);
	put(value, permissions, 2);
	put(value, named ? strtoul(digits, NULL, 10) : UINT32_MAX, 4);
}

static struct value value_of(const char *words)
{
	struct value value = {0};
	char copy[256];

	put(&value, 2, 4);
	snprintf(copy, sizeof(copy), "%s", words);
	char *rest = copy;
	for (char *word; (word = strsep(&rest, " ")) != NULL;)
		if (*word != '\0')
			put_entry(&value, word);
	return value;
}

static struct acl *list_of(const char *words)
{
	struct value value = value_of(words);
	struct acl *acl = acl_new(value.bytes, value.size);

	assert_non_null(acl);
	return acl;
}

static void expect_list(const struct acl *acl, const char *words)
{
	struct value value = value_of(words);

	assert_int_equal(acl->size_bytes, value.size);
	assert_memory_equal(acl->bytes, value.bytes, value.size);
}

static int check(const char *words)
{
	struct value value = value_of(words);

	return acl_check(value.bytes, value.size);
}

static void valid_lists_are_taken(void **state)
{
	(void)state;
	assert_int_equal(check("u:7 g:5 o:5"), 0);
	assert_int_equal(check("u:7 g:5 m:0 o:5"), 0);
	assert_int_equal(check("u:7 u0:7 g:5 m:7 o:0"), 0);
	assert_int_equal(check("u:7 g:5 g0:1 g9:2 m:7 o:0"), 0);
	assert_int_equal(check("u:0 u1:7 u2:6 g:5 g3:1 m:7 o:0"), 0);
	/* Nobody demands that ids rise, or differ. */
	assert_int_equal(check("u:0 u2:7 u1:6 u1:6 g:5 m:7 o:0"), 0);
}

static void empty_lists_mean_none(void **state)
{
	(void)state;
	assert_int_equal(acl_check(NULL, 0), 1);
	assert_int_equal(check(""), 1);
}

static void broken_lists_are_refused(void **state)
{
	static const char *const broken[] = {
		"u:7",
		"u:7 g:5",
		"u:7 o:5",
		"g:5 o:5",
		"g:5 u:7 o:5",
		"u:7 o:5 g:5",
		"u:7 u:7 g:5 o:5",
		"u:7 g:5 g:5 o:5",
		"u:7 g:5 o:5 o:5",
		"u:7 g:5 m:7 m:7 o:5",
		"u:7 g:5 o:5 m:7",
		"u1:7 u:7 g:5 m:7 o:5",
		"u:7 u1:7 g:5 o:5",
		"u:7 g:5 g1:7 o:5",
		"u:7 g1:7 g:5 m:7 o:5",
		"u:7 g:5 u1:7 m:7 o:5",
		"u:10 g:5 o:5",
		"u:7 g:177777 o:5",
		"u:7 g:5 x:5 o:5",
		"u:7 u4294967295:7 g:5 m:7 o:5",
		"u:7 g:5 g4294967295:7 m:7 o:5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (check(broken[i]) != -EINVAL)
			fail_msg("'%s' was taken", broken[i]);
}

static void broken_bytes_are_refused(void **state)
{
	struct value value = value_of("u:7 u1:7 g:5 m:7 o:5");

	(void)state;
	for (size_t size = 1; size < value.size; size++)
		assert_int_equal(acl_check(value.bytes, size),
				 size == 4 ? 1 : -EINVAL);
	value.bytes[0] = 1;
	assert_int_equal(acl_check(value.bytes, value.size), -EOPNOTSUPP);
}

/* Whatever the bytes are: what acl_check() takes, the others can work on. A list
 * of its own allocation, so that a sanitizer sees each byte too far. */
static void any_bytes_are_survived(void **state)
{
	struct seed seed;
	unsigned long taken = 0;

	(void)state;
	seed_start(&seed);
	for (unsigned long i = seed_steps(200000); i > 0; i--) {
		struct value value = value_of("u:7 u1:7 u2:3 g:5 g4:4 m:7 o:5");
		uint32_t flips = seed_below(&seed, 3);
		for (uint32_t j = 0; j < flips; j++)
			value.bytes[seed_below(&seed, (uint32_t)value.size)] =
				(unsigned char)seed_below(&seed, 64);
		if (seed_once_in(&seed, 4))
			value.size = seed_below(&seed, (uint32_t)value.size);
		struct acl *acl = acl_new(value.bytes, value.size);
		assert_non_null(acl);
		if (seed_once_in(&seed, 2))
			acl_drop_unmapped(acl);
		if (acl_check(acl->bytes, acl->size_bytes) == 0) {
			mode_t mode = acl_inherit(acl, 0640);
			assert_int_equal(mode & ~0640u, 0);
			assert_int_equal(acl_mode(acl), mode);
			acl_set_mode(acl, 0751);
			assert_int_equal(acl_mode(acl), 0751);
			assert_int_equal(acl_check(acl->bytes, acl->size_bytes),
					 0);
			taken++;
		}
		free(acl);
	}
	assert_true(taken > 0);
}

static void three_entries_are_only_a_mode(void **state)
{
	struct acl *minimal = list_of("u:6 g:4 o:0");
	struct acl *masked = list_of("u:6 g:7 m:4 o:0");

	(void)state;
	assert_true(acl_is_minimal(minimal));
	assert_int_equal(acl_mode(minimal), 0640);
	assert_false(acl_is_minimal(masked));
	assert_int_equal(acl_mode(masked), 0640);
	free(minimal);
	free(masked);
}

static void chmod_changes_the_mask_but_no_name(void **state)
{
	struct acl *acl = list_of("u:7 u9:7 g:5 m:7 o:5");
	struct acl *minimal = list_of("u:7 g:5 o:5");

	(void)state;
	acl_set_mode(acl, S_ISUID | 0612);
	expect_list(acl, "u:6 u9:7 g:5 m:1 o:2");
	acl_set_mode(minimal, 0612);
	expect_list(minimal, "u:6 g:1 o:2");
	free(acl);
	free(minimal);
}

/* POSIX.1e, 23.1.4: what was asked for, and what the default list grants. */
static void creation_gets_what_both_grant(void **state)
{
	struct acl *acl = list_of("u:7 u9:7 g:5 m:7 o:5");
	struct acl *narrow = list_of("u:6 u9:7 g:5 m:1 o:0");
	struct acl *minimal = list_of("u:7 g:5 o:1");

	(void)state;
	assert_int_equal(acl_inherit(acl, S_ISGID | 0644), S_ISGID | 0644);
	expect_list(acl, "u:6 u9:7 g:5 m:4 o:4");
	assert_int_equal(acl_inherit(narrow, 0777), 0610);
	expect_list(narrow, "u:6 u9:7 g:5 m:1 o:0");
	assert_int_equal(acl_inherit(minimal, 0666), 0640);
	expect_list(minimal, "u:6 g:4 o:0");
	free(acl);
	free(narrow);
	free(minimal);
}

static void names_of_other_namespaces_are_left_out(void **state)
{
	struct acl *acl = list_of("u:7 u4294967295:7 u3:1 g:5"
				  " g4294967295:7 m:7 o:5");

	(void)state;
	acl_drop_unmapped(acl);
	expect_list(acl, "u:7 u3:1 g:5 m:7 o:5");
	acl_drop_unmapped(acl);
	expect_list(acl, "u:7 u3:1 g:5 m:7 o:5");
	free(acl);
}

static void lists_are_compared_as_a_whole(void **state)
{
	struct acl *a = list_of("u:7 g:5 o:5");
	struct acl *same = list_of("u:7 g:5 o:5");
	struct acl *other = list_of("u:7 g:5 o:4");
	struct acl *longer = list_of("u:7 g:5 m:5 o:5");

	(void)state;
	assert_true(acl_equal(a, same) && acl_equal(NULL, NULL));
	assert_false(acl_equal(a, other) || acl_equal(a, longer));
	assert_false(acl_equal(a, NULL) || acl_equal(NULL, a));
	free(a);
	free(same);
	free(other);
	free(longer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_lists_are_taken),
		cmocka_unit_test(empty_lists_mean_none),
		cmocka_unit_test(broken_lists_are_refused),
		cmocka_unit_test(broken_bytes_are_refused),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(three_entries_are_only_a_mode),
		cmocka_unit_test(chmod_changes_the_mask_but_no_name),
		cmocka_unit_test(creation_gets_what_both_grant),
		cmocka_unit_test(names_of_other_namespaces_are_left_out),
		cmocka_unit_test(lists_are_compared_as_a_whole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
