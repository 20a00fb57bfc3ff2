/* SPDX-License-Identifier: MIT */
/*
 * A hit of an armed point: decide, and let go of everything that may be freed;
 * then act. Two atomic additions and what the engine needs.
 */
#include <errno.h>
#include <stddef.h>

#include "failpoints/bell.h"
#include "failpoints/failpoint.h"
#include "failpoints/grace.h"
#include "failpoints/perform.h"
#include "failpoints/point.h"
#include "failpoints/program.h"
#include "failpoints/say.h"
#include "failpoints/terms.h"
#include "failpoints/value.h"

static void complain(const struct failpoint_site *site,
		     const struct failpoint_value *value)
{
	char name[FAILPOINT_NAME_MAX + 3];
	char buffer[VALUE_BYTES_MAX];

	say(": %s got value %s of type \"%s\" but expected type \"%s\"",
	    say_quoted(site->name, name, sizeof(name)),
	    value_quoted(value, buffer), failpoint_type_name(value->type),
	    failpoint_type_name((enum failpoint_type)site->type));
}

/* Between grace_enter() and grace_leave(). Returns true: some term fired. */
static bool decide(const struct failpoint_site *site, struct deed *ret_deed,
		   bool *ret_complain)
{
	struct point *point = __atomic_load_n(&site->point, __ATOMIC_SEQ_CST);
	struct terms_decision decision;
	struct program *program;

	if (!point)
		return false;
	ret_deed->gate_seen = gate_look(&point->gate);
	program = atomic_load(&point->program);
	if (!program || !terms_decide(program->terms, &decision))
		return false;
	ret_deed->id = decision.id;
	ret_deed->value = program->values[decision.term];
	ret_deed->gate = NULL;
	if (decision.id == TERMS_RETURN &&
	    !value_fits(&ret_deed->value, site->type))
		*ret_complain = !atomic_flag_test_and_set(&program->complained);
	if (decision.id == TERMS_PAUSE) {
		atomic_fetch_add(&point->guests, 1);
		ret_deed->guests = &point->guests;
		ret_deed->gate = &point->gate;
	}
	return true;
}

bool failpoint_hit(struct failpoint_site *site,
		   struct failpoint_value *ret_value)
{
	int saved_errno = errno;
	struct deed deed = {.name = site->name};
	atomic_uint *inside = grace_enter();
	bool wrong = false;
	bool fired = decide(site, &deed, &wrong);
	bool hit = false;

	grace_leave(inside);
	if (fired) {
		bell_tell_listeners();
		hit = perform(&deed);
	}
	if (hit && !value_fits(&deed.value, site->type)) {
		hit = false;
		if (wrong)
			complain(site, &deed.value);
	}
	if (deed.guests)
		atomic_fetch_sub(deed.guests, 1);
	if (hit && ret_value)
		*ret_value = deed.value;
	errno = saved_errno;
	return hit;
}
