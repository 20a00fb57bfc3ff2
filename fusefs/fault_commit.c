/* SPDX-License-Identifier: MIT */
#include "fusefs/fault_commit.h"

#include "fusefs/commit.h"
#include "fusefs/fault.h"
#include "fusefs/fault_inside.h"

/* A request that has waited at one of its transfers is done again, with the commit
 * that was asked about. */
static int ask(struct fault_commit *asked, struct fault_deed *ret_deed)
{
	struct fault *fault = fault_here();
	struct fault_told *told = fault == NULL ? NULL : &fault->commit;
	if (told != NULL && told->known && told->file == asked->store.file) {
		*ret_deed = (struct fault_deed){
			.dropped = told->dropped,
			.simulated = told->result < 0,
			.fail_after = told->fail_after,
		};
		return told->result;
	}
	int r = fault_store_ask(&asked->store, -1, -1, ret_deed);
	if (told != NULL && (r == 0 || ret_deed->simulated))
		*told = (struct fault_told){
			.known = true,
			.file = asked->store.file,
			.result = r,
			.dropped = ret_deed->dropped,
			.fail_after = ret_deed->fail_after,
		};
	return r;
}

int fault_commit_begin(struct fault_commit *asked, struct volume *volume,
		       struct inode *inode)
{
	asked->armed = fault_store_armed(volume, RULE_STORE_COMMIT);
	bool told = fault_sync(&asked->obeyed);
	asked->error = 0;
	if (told && asked->obeyed.mode == MODE_ERROR_WRITES)
		asked->error = -asked->obeyed.error;
	bool obeys = told && asked->error == 0;
	if (asked->armed) {
		struct fault_deed deed;
		fault_store_begin(&asked->store, volume, inode,
				  RULE_STORE_COMMIT);
		int r = ask(asked, &deed);
		fault_store_done(&deed);
		if (r < 0 && !deed.simulated) {
			fault_store_end(&asked->store);
			return r;
		}
		if (r < 0 || deed.dropped)
			asked->obeyed = (struct commit_fault){
				.mode = r < 0 ? MODE_ERROR_WRITES
					      : MODE_DROP_WRITES,
				.error = -r,
			};
		asked->fail_after = r == 0 ? deed.fail_after : 0;
		obeys |= r < 0 || deed.dropped;
	}
	if (obeys)
		commit_obey(&asked->obeyed);
	return 0;
}

int fault_commit_end(struct fault_commit *asked, int r)
{
	commit_obey(NULL);
	if (!asked->armed)
		return r;
	int told = r == 0 ? fault_store_after(&asked->store, -1, -1) : 0;
	fault_store_end(&asked->store);
	if (r == 0 && told == 0)
		told = asked->fail_after;
	return r < 0 ? r : told;
}
