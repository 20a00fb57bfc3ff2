/* SPDX-License-Identifier: MIT */
/*
 * The floor: a FUSE file system that answers at once and keeps nothing but names
 * and sizes. What a request costs here is what FUSE costs; a file system that
 * does something can come near it, and no nearer than that.
 *
 *	floor [-t] MOUNTPOINT
 *
 * Stays in the foreground until it is unmounted. One thread serves, which is
 * fastest for one client; with -t several do. Reads give zeros.
 */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOTS (1 << 18)
#define TIMEOUT_S 86400.0
#define IO_MAX (1 << 20)

/* A node id is the address of one. */
struct node {
	struct node *next; /* of its slot */
	struct node *parent;
	uint64_t nlookup;
	bool named;
	mode_t mode;
	_Atomic int64_t size_bytes;
	char name[256];
};

static struct node root = {.mode = S_IFDIR | 0777, .named = true};
static struct node *slots[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards names */
static uid_t owner; /* of everything: whoever runs this */
static gid_t group;

static struct node *node_of(fuse_ino_t id)
{
	return id == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)id;
}

static struct node **find_locked(const struct node *parent, const char *name)
{
	uint64_t hash = (uintptr_t)parent / 64;
	for (const char *at = name; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
	struct node **link = &slots[(hash ^ hash >> 32) % SLOTS];
	while (*link != NULL &&
	       ((*link)->parent != parent || strcmp((*link)->name, name) != 0))
		link = &(*link)->next;
	return link;
}

static void describe(const struct node *node, struct stat *ret_st)
{
	*ret_st = (struct stat){
		.st_ino = (ino_t)(uintptr_t)node,
		.st_mode = node->mode,
		.st_nlink = S_ISDIR(node->mode) ? 2 : 1,
		.st_uid = owner,
		.st_gid = group,
		.st_size = node->size_bytes,
	};
}

static void describe_entry(const struct node *node,
			   struct fuse_entry_param *ret_entry)
{
	*ret_entry = (struct fuse_entry_param){
		.ino = (fuse_ino_t)(uintptr_t)node,
		.attr_timeout = TIMEOUT_S,
		.entry_timeout = TIMEOUT_S,
	};
	describe(node, &ret_entry->attr);
}

static void op_init(void *user, struct fuse_conn_info *connection)
{
	(void)user;
	connection->want &= ~(unsigned int)FUSE_CAP_AUTO_INVAL_DATA;
	connection->want &=
		~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				FUSE_CAP_SPLICE_MOVE);
	connection->want |=
		connection->capable & (unsigned int)FUSE_CAP_HANDLE_KILLPRIV;
	connection->max_write = IO_MAX;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {.entry_timeout = TIMEOUT_S};
	pthread_mutex_lock(&lock);
	struct node *node = *find_locked(node_of(parent), name);
	if (node != NULL) {
		node->nlookup++;
		describe_entry(node, &entry);
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_entry(req, &entry);
}

static void op_forget(fuse_req_t req, fuse_ino_t id, uint64_t nlookup)
{
	struct node *node = node_of(id);
	pthread_mutex_lock(&lock);
	node->nlookup -= nlookup;
	bool unused = node != &root && node->nlookup == 0 && !node->named;
	pthread_mutex_unlock(&lock);
	if (unused)
		free(node);
	fuse_reply_none(req);
}

/* 0 with the node, or ENOMEM. */
static int make(fuse_ino_t parent, const char *name, mode_t mode,
		struct fuse_entry_param *ret_entry)
{
	int r = 0;
	pthread_mutex_lock(&lock);
	struct node **link = find_locked(node_of(parent), name);
	if (*link == NULL)
		*link = calloc(1, sizeof(struct node));
	struct node *node = *link;
	if (node == NULL) {
		r = ENOMEM;
	} else {
		snprintf(node->name, sizeof(node->name), "%s", name);
		node->parent = node_of(parent);
		node->named = true;
		node->mode = mode;
		node->nlookup++;
		describe_entry(node, ret_entry);
	}
	pthread_mutex_unlock(&lock);
	return r;
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	struct fuse_entry_param entry;
	int r = make(parent, name, S_IFDIR | (mode & 07777), &entry);
	if (r == 0)
		fuse_reply_entry(req, &entry);
	else
		fuse_reply_err(req, r);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param entry;
	int r = make(parent, name, S_IFREG | (mode & 07777), &entry);
	fi->keep_cache = 1;
	fi->noflush = 1;
	if (r == 0)
		fuse_reply_create(req, &entry, fi);
	else
		fuse_reply_err(req, r);
}

/* What has a name no more goes with the kernel's last reference. */
static void unname_locked(struct node **link)
{
	struct node *node = *link;
	*link = node->next;
	node->named = false;
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	pthread_mutex_lock(&lock);
	struct node **link = find_locked(node_of(parent), name);
	bool found = *link != NULL;
	if (found)
		unname_locked(link);
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, found ? 0 : ENOENT);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t new_parent, const char *new_name,
		      unsigned int flags)
{
	(void)flags;
	pthread_mutex_lock(&lock);
	struct node **link = find_locked(node_of(parent), name);
	struct node *node = *link;
	if (node != NULL) {
		*link = node->next;
		link = find_locked(node_of(new_parent), new_name);
		if (*link != NULL)
			unname_locked(link);
		snprintf(node->name, sizeof(node->name), "%s", new_name);
		node->parent = node_of(new_parent);
		node->next = NULL;
		link = find_locked(node->parent, new_name);
		node->next = *link;
		*link = node;
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, node != NULL ? 0 : ENOENT);
}

static void op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	(void)fi;
	struct stat st;
	describe(node_of(id), &st);
	fuse_reply_attr(req, &st, TIMEOUT_S);
}

static void op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *attr,
		       int to_set, struct fuse_file_info *fi)
{
	if (to_set & FUSE_SET_ATTR_SIZE)
		node_of(id)->size_bytes = attr->st_size;
	op_getattr(req, id, fi);
}

/* Neither open nor close need to be told, nor does a close that is not the
 * last. */
static void op_refuse(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	(void)id;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

static void op_write_buf(fuse_req_t req, fuse_ino_t id,
			 struct fuse_bufvec *data, off_t offset,
			 struct fuse_file_info *fi)
{
	(void)fi;
	size_t size = fuse_buf_size(data);
	struct node *node = node_of(id);
	if (node->size_bytes < offset + (off_t)size)
		node->size_bytes = offset + (off_t)size;
	fuse_reply_write(req, size);
}

static void op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	static const char zeros[IO_MAX];
	(void)fi;
	int64_t left = node_of(id)->size_bytes - offset;
	if (left < 0)
		left = 0;
	if (left > IO_MAX)
		left = IO_MAX;
	fuse_reply_buf(req, zeros, (int64_t)size < left ? size : (size_t)left);
}

static void op_fsync(fuse_req_t req, fuse_ino_t id, int datasync,
		     struct fuse_file_info *fi)
{
	(void)id;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	(void)id;
	(void)size;
	(void)offset;
	(void)fi;
	fuse_reply_buf(req, NULL, 0);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name,
			size_t size)
{
	(void)id;
	(void)name;
	(void)size;
	fuse_reply_err(req, ENOSYS);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_unlink,
	.rename = op_rename,
	.create = op_create,
	.open = op_refuse,
	.opendir = op_refuse,
	.flush = op_refuse,
	.fsync = op_fsync,
	.write_buf = op_write_buf,
	.read = op_read,
	.readdir = op_readdir,
	.getxattr = op_getxattr,
};

static int serve(struct fuse_session *session, bool threads)
{
	if (!threads)
		return fuse_session_loop(session);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	if (config == NULL)
		return -ENOMEM;
	int r = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return r;
}

int main(int argc, char **argv)
{
	bool threads = argc == 3 && strcmp(argv[1], "-t") == 0;
	if (argc != (threads ? 3 : 2)) {
		fprintf(stderr, "usage: floor [-t] MOUNTPOINT\n");
		return 2;
	}
	owner = getuid();
	group = getgid();
	char options[] = "-ofsname=floor,default_permissions";
	char *arguments[] = {argv[0], options, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, arguments);
	struct fuse_session *session =
		fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (session == NULL || fuse_session_mount(session, argv[argc - 1]) != 0)
		return 1;
	fuse_set_signal_handlers(session);
	int r = serve(session, threads);
	fuse_session_unmount(session);
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	fuse_opt_free_args(&args);
	return r < 0;
}
