/* SPDX-License-Identifier: MIT */
/*
 * libfailpoint: named points in a C or C++ program that a test can make fail,
 * sleep, wait or crash, while the program runs.
 *
 *	int store(const char *path)
 *	{
 *		FAILPOINT_RETURN_ERRNO("store/open", "before the file is opened");
 *		...
 *		if (FAILPOINT("store/torn"))
 *			length /= 2;
 *	}
 *
 *	$ GOFAIL_FAILPOINTS='store/open=2*off->1*return(ENOSPC)' ./program
 *
 * A point that is not armed costs one relaxed load and a branch. It is armed
 * with terms, `return(5)` or `50%sleep(10ms)->print`: by the environment, over
 * HTTP, or with the functions below. docs/failpoints.md and failpoint(7) have
 * their grammar and the rules.
 *
 * A **site** is one place in the source; a **point** is a name. Sites of one
 * name are one point: armed together, counted together. They have one type; a
 * second site with another type is refused with a line on stderr and never
 * hits. All sites are known when the object they are in has been loaded, before
 * any is hit. A name that no site has may be armed: it is **pending** until an
 * object with such a site is loaded. A name has 1 to FAILPOINT_NAME_MAX bytes,
 * none of them '=', ';', a quote or a control character, and no blank at an end.
 *
 * With -DFAILPOINT_DISABLE the macros compile to nothing, with arguments and
 * bodies still checked, and need no library. The functions are not affected.
 *
 * Environment, read when the library is loaded, but not by programs that run
 * with more rights than who started them: GOFAIL_FAILPOINTS='NAME=TERMS;...',
 * GOFAIL_SEED=NUMBER, GOFAIL_HTTP=HOST:PORT or unix:/PATH.
 *
 * Results of functions: 0 or a count for success, or a negative errno;
 * failpoint_error() then has a sentence with the reason. Strings given are
 * borrowed for the call. The library prints, to stderr, only what points are
 * told to print and what is wrong with points, values and the environment.
 *
 * Threads: every function may be called from any thread. No lock is held while
 * a point sleeps, waits or calls back. A point may be hit in a signal handler,
 * unless it is told to exit. Hits leave errno alone, but for
 * FAILPOINT_SET_ERRNO. After fork(2) the child has the same points, armed with
 * the same terms, and counters of its own, which go on from where they were.
 *
 * C11 or C++11, gcc or clang. In C, an inline function with points has to be
 * static.
 */
#ifndef FAILPOINT_H
#define FAILPOINT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus) && (defined(__cpp_exceptions) || defined(__EXCEPTIONS))
#include <stdexcept>
#endif

/* What is defined here is laid out as in the library, wherever the header is
 * included: not as its source packs its own structures. */
#pragma pack(push, 16)

#ifdef __cplusplus
extern "C" {
#endif

#define FAILPOINT_API __attribute__((visibility("default")))

/* Longer names are refused. */
#define FAILPOINT_NAME_MAX 1024
/* More points with different names are refused. */
#define FAILPOINT_POINTS_MAX 65536
/* Room for the longest sentence of failpoint_error() with its NUL. */
#define FAILPOINT_ERROR_MAX 512
/* All different strings that points may return take at most so much. */
#define FAILPOINT_STRINGS_BYTES_MAX ((size_t)64 << 20)

/* What a site takes from `return(...)`, or a value is. */
enum failpoint_type {
	FAILPOINT_TYPE_VOID = 0,     /* nothing */
	FAILPOINT_TYPE_INT = 1,	     /* 12, -1, 0x10 */
	FAILPOINT_TYPE_STRING = 2,   /* "quoted" or `raw` */
	FAILPOINT_TYPE_BOOL = 3,     /* true, false */
	FAILPOINT_TYPE_ERRNO = 4,    /* EIO; a site takes 1 to 4095, too */
	FAILPOINT_TYPE_ANY = 5,	     /* of a site: any value, or none */
	FAILPOINT_TYPE_DURATION = 6, /* of a value: 10ms */
	FAILPOINT_TYPE_INT32 = 7 /* of a site: an int that fits in 32 bits */
};

/* What a hit has brought. */
struct failpoint_value {
	enum failpoint_type type; /* VOID: no value */
	int64_t number;	  /* int; 0 or 1; errno, positive; nanoseconds */
	const char *text; /* of a string, else NULL; stays valid for ever */
};

/*
 * A site: static storage, made by the macros, or failpoint_define(). The
 * library changes `armed`, `state`, `point` and `next`; nobody else does, and
 * nobody changes anything once it is registered.
 */
struct failpoint_site {
	uint32_t size;	  /* of this structure */
	int32_t armed;	  /* not 0: failpoint_hit() has to be asked */
	int32_t type;	  /* enum failpoint_type */
	int32_t line;	  /* where it is */
	const char *name; /* of the point */
	const char *doc;  /* what it is for, may be "" */
	const char *file; /* where it is */
	void *point;	  /* the library's */
	struct failpoint_site *next; /* the library's */
	uint32_t state;		     /* the library's */
	uint32_t reserved;	     /* 0 */
};

/* ---- Arming ---------------------------------------------------------- */

/*
 * Arms a point: from now on its hits do what terms say, its counters begin at
 * 0, and threads that it had paused go on. A name without a site is pending.
 * -EINVAL: bad terms, "offset N: ...", or a bad name; the old terms then stay,
 * as after any error. -ENOSPC: too many names or strings. -ENOMEM.
 */
FAILPOINT_API int failpoint_enable(const char *name, const char *terms);

/* The same, but a name that no site has is refused: -ENOENT. */
FAILPOINT_API int failpoint_enable_known(const char *name, const char *terms);

/*
 * Arms many, "NAME=TERMS;NAME=TERMS": all of them, or after an error none. The
 * names may have blanks around them, empty entries are nothing, and of two
 * entries for one name the last counts. -EBADMSG: an entry that is no
 * NAME=TERMS; else as failpoint_enable().
 */
FAILPOINT_API int failpoint_enable_many(const char *entries);

/* The same, but a name that no site has is refused: -ENOENT. */
FAILPOINT_API int failpoint_enable_many_known(const char *entries);

/*
 * Disarms a point: threads that it had paused go on, threads that sleep are not
 * waited for. -ENOENT: no such point; -EALREADY: it is not armed.
 */
FAILPOINT_API int failpoint_disable(const char *name);

/* Disarms all points. Returns how many were armed. */
FAILPOINT_API int failpoint_disable_all(void);

/* Arms a point so that whoever hits it waits: failpoint_enable(name, "pause"). */
FAILPOINT_API int failpoint_pause(const char *name);

/*
 * Lets the threads go on that wait at a point now; it stays armed, and the next
 * hit may wait again. Returns how many there were; -ENOENT: no such point.
 */
FAILPOINT_API int failpoint_resume(const char *name);

/*
 * The seed of all tosses (`50%`): the n-th hit of a point tosses the same in
 * every run with the same seed and terms. It counts for what is armed from now
 * on. Without GOFAIL_SEED or this it is a random one. It is printed, once, when
 * terms with a toss are armed.
 */
FAILPOINT_API void failpoint_set_seed(uint64_t seed);
FAILPOINT_API uint64_t failpoint_seed(void);

/* ---- Looking --------------------------------------------------------- */

/* A point as it was at one moment. */
struct failpoint_info {
	size_t size; /* of this structure; later versions have more members */
	const char *name;
	const char *terms; /* in one line, as given if so; NULL: not armed */
	enum failpoint_type type; /* ANY while pending */
	const char *doc;	  /* "" if there is none */
	const char *location;	  /* "FILE:LINE", of all sites with blanks */
	unsigned int sites;	  /* 0: pending */
	unsigned int paused;	  /* threads that wait in `pause` */
	uint64_t hits;		  /* evaluations since it was armed */
	uint64_t fired;		  /* of which some term was run, `off` too */
};

/*
 * Called without a lock held: it may use all functions. The strings are valid
 * during the call only. Returns 0 to go on; anything else ends the list.
 */
typedef int failpoint_each_fn(void *user, const struct failpoint_info *info);

/* Calls each for the point. -ENOENT: no such point. */
FAILPOINT_API int failpoint_status(const char *name, failpoint_each_fn *each,
				   void *user);

/*
 * Calls each for every point, armed or not and pending too, sorted by name (as
 * strcmp(3) does). Returns how many there are; each may be NULL, to count.
 */
FAILPOINT_API int failpoint_list(failpoint_each_fn *each, void *user);

/* The counters of struct failpoint_info; 0 when not armed; -ENOENT. */
FAILPOINT_API int64_t failpoint_hits(const char *name);
FAILPOINT_API int64_t failpoint_fired(const char *name);

/*
 * Waits until a point has fired count times or more since it was armed, or
 * until count threads or more wait at it. timeout_ms < 0: for ever. A point
 * that is disarmed meanwhile is waited for still. -ETIMEDOUT; -ENOENT: no such
 * point.
 */
FAILPOINT_API int failpoint_wait_fired(const char *name, uint64_t count,
				       int64_t timeout_ms);
FAILPOINT_API int failpoint_wait_paused(const char *name, unsigned int count,
					int64_t timeout_ms);

/* The reason of the newest failure in this thread, "" if there was none. Valid
 * until the thread's next call of the library. */
FAILPOINT_API const char *failpoint_error(void);

/* "int", "string", "bool", "errno", "void", "any", "duration", "int32". */
FAILPOINT_API const char *failpoint_type_name(enum failpoint_type type);

/* ---- Scenarios ------------------------------------------------------- */

/* Points that are armed for a while. */
struct failpoint_scope {
	char *names; /* the library's */
	int error;   /* of failpoint_scope_begin() */
};

/*
 * Arms entries as failpoint_enable_many() does. .error is 0 or its error, and
 * then nothing is armed. The end disarms those points, whatever they do then.
 */
FAILPOINT_API struct failpoint_scope failpoint_scope_begin(const char *entries);
FAILPOINT_API void failpoint_scope_end(struct failpoint_scope *scope);

/* The same for a test, which can do nothing sensible after an error: that is a
 * line on stderr and abort(3). */
FAILPOINT_API struct failpoint_scope
failpoint_scope_require(const char *entries);

/*
 * Arms points until the end of the block in which it stands, however it is left
 * but by longjmp(3): `FAILPOINT_SCOPE("store/open=return(EIO)");`
 */
#define FAILPOINT_SCOPE(entries)                                               \
	__attribute__((cleanup(failpoint_scope_end),                           \
		       unused)) struct failpoint_scope                         \
	FAILPOINT_JOIN(failpoint_scope_, __COUNTER__) =                        \
		failpoint_scope_require(entries)
#define FAILPOINT_JOIN(left, right) FAILPOINT_JOIN2(left, right)
#define FAILPOINT_JOIN2(left, right) left##right

/* ---- HTTP ------------------------------------------------------------ */

/*
 * Serves gofail's protocol on "HOST:PORT", "[HOST]:PORT" (port 0: any) or
 * "unix:/PATH", in a thread of its own. Whoever can connect there controls the
 * process: a path, which only its owner may connect to, or a loopback address is
 * right. One server a process: -EALREADY; -ENOTSUP: the library was built without.
 * The child of a fork has none, and may start one.
 */
FAILPOINT_API int failpoint_http_start(const char *address);

/* Where it is served; the port is the real one. -ENOTCONN: nowhere; -ERANGE: that
 * takes more than size bytes; 128 are enough. */
FAILPOINT_API int failpoint_http_address(char *address, size_t size);

/* Ends it; requests that wait are told so. */
FAILPOINT_API void failpoint_http_stop(void);

/* A request that a server of the host's own has got. */
struct failpoint_http_request {
	size_t size;	    /* of this structure */
	const char *method; /* "GET" */
	/* As in the request line, nothing decoded, but without what the host has
	 * put in front: begins with '/'. */
	const char *target;
	const void *body; /* may be NULL */
	size_t body_bytes;
	/* A request that waits for a point waits in the call, but no longer than
	 * this; < 0: as long as it wants. */
	int64_t wait_max_ms;
};

/* What to send. Valid until failpoint_http_sent(). */
struct failpoint_http_reply {
	int status;		  /* 200 */
	const char *phrase;	  /* "OK" */
	const char *content_type; /* NULL: there is no body */
	const char *allow;	  /* a header of that name; NULL: none */
	const char *body;
	size_t body_bytes;
	void *inner; /* the library's */
};

/*
 * Does what is asked and says what to send. -ENOMEM. Call failpoint_http_sent()
 * when the reply was sent, or cannot be: until then, but for a second at most, a
 * point does not end the process that was armed by this request.
 */
FAILPOINT_API int
failpoint_http_handle(const struct failpoint_http_request *request,
		      struct failpoint_http_reply *ret_reply);
FAILPOINT_API void failpoint_http_sent(struct failpoint_http_reply *reply);

/* ---- Sites ----------------------------------------------------------- */

/*
 * Makes a site at run time, for names that the source does not know; the
 * strings are copied. NULL and errno: EINVAL (a bad name), EEXIST (the name has
 * another type), ENOMEM, ENOSPC. Use it with failpoint_at() and its sisters;
 * nobody may be using it when it is undefined. failpoint_undefine() takes NULL.
 */
FAILPOINT_API struct failpoint_site *
failpoint_define(const char *name, enum failpoint_type type, const char *doc);
FAILPOINT_API void failpoint_undefine(struct failpoint_site *site);

/* For the macros: tells the library of sites, and takes them away again. Sites
 * that are known already are left alone. */
FAILPOINT_API void failpoint_register(struct failpoint_site *const *first,
				      struct failpoint_site *const *end);
FAILPOINT_API void failpoint_unregister(struct failpoint_site *const *first,
					struct failpoint_site *const *end);

/*
 * For the functions below: counts a hit and does what the terms say. Returns
 * true, and in ret_value what it brought (of the site's type, or none), when
 * the body is to run. Any number of threads; async-signal-safe.
 */
FAILPOINT_API bool failpoint_hit(struct failpoint_site *site,
				 struct failpoint_value *ret_value);

/*
 * Is this site hit now? The typed ones set *value when the hit has brought one:
 * give it the value that a bare `return` shall mean. The site must have the
 * type in the name, or FAILPOINT_TYPE_ANY for failpoint_at_value().
 */
#ifdef __cplusplus
#define FAILPOINT_CAST(type, value) static_cast<type>(value)
#else
#define FAILPOINT_CAST(type, value) ((type)(value))
#endif

#ifdef FAILPOINT_DISABLE
#define FAILPOINT_IS_ARMED(site) ((void)(site), false)
#define FAILPOINT_ASK(site, value) ((void)(value), false)
#else
#define FAILPOINT_IS_ARMED(site)                                               \
	__builtin_expect(__atomic_load_n(&(site)->armed, __ATOMIC_RELAXED), 0)
#define FAILPOINT_ASK(site, value) failpoint_hit(site, value)
#endif

static inline bool failpoint_at(struct failpoint_site *site)
{
	struct failpoint_value got;

	return FAILPOINT_IS_ARMED(site) && FAILPOINT_ASK(site, &got);
}

static inline bool failpoint_at_value(struct failpoint_site *site,
				      struct failpoint_value *value)
{
	return FAILPOINT_IS_ARMED(site) && FAILPOINT_ASK(site, value);
}

static inline bool failpoint_at_int(struct failpoint_site *site, int64_t *value)
{
	struct failpoint_value got;

	if (!FAILPOINT_IS_ARMED(site) || !FAILPOINT_ASK(site, &got))
		return false;
	if (got.type != FAILPOINT_TYPE_VOID)
		*value = got.number;
	return true;
}

static inline bool failpoint_at_int32(struct failpoint_site *site, int *value)
{
	struct failpoint_value got;

	if (!FAILPOINT_IS_ARMED(site) || !FAILPOINT_ASK(site, &got))
		return false;
	if (got.type != FAILPOINT_TYPE_VOID)
		*value = FAILPOINT_CAST(int, got.number);
	return true;
}

static inline bool failpoint_at_string(struct failpoint_site *site,
				       const char **value)
{
	struct failpoint_value got;

	if (!FAILPOINT_IS_ARMED(site) || !FAILPOINT_ASK(site, &got))
		return false;
	if (got.type != FAILPOINT_TYPE_VOID)
		*value = got.text;
	return true;
}

static inline bool failpoint_at_bool(struct failpoint_site *site, bool *value)
{
	struct failpoint_value got;

	if (!FAILPOINT_IS_ARMED(site) || !FAILPOINT_ASK(site, &got))
		return false;
	if (got.type != FAILPOINT_TYPE_VOID)
		*value = got.number != 0;
	return true;
}

/* An errno is positive. */
static inline bool failpoint_at_errno(struct failpoint_site *site, int *value)
{
	struct failpoint_value got;

	if (!FAILPOINT_IS_ARMED(site) || !FAILPOINT_ASK(site, &got))
		return false;
	if (got.type != FAILPOINT_TYPE_VOID)
		*value = FAILPOINT_CAST(int, got.number);
	return true;
}

static inline bool failpoint_at_set_errno(struct failpoint_site *site)
{
	int value = EIO;

	if (!failpoint_at_errno(site, &value))
		return false;
	errno = value;
	return true;
}

#ifdef __cplusplus
}
#endif

/* ---- How a site comes to be known ------------------------------------ */

#ifdef FAILPOINT_DISABLE

#define FAILPOINT_SITE(site_name, site_doc, site_type)                         \
	((void)sizeof("" site_name site_doc),                                  \
	 FAILPOINT_CAST(struct failpoint_site *, 0))

#elif defined(__cplusplus)

/*
 * A static member of a template, one for each type that a macro makes where it
 * stands. A section, as in C, cannot hold both what ordinary functions and what
 * inline and template functions have. Hidden: each shared object has its own,
 * and can be unloaded.
 */
struct __attribute__((visibility("hidden"))) failpoint_static_site {
	failpoint_site site;

	failpoint_static_site(const char *name, const char *doc,
			      failpoint_type type, const char *file, int line)
	    : site()
	{
		failpoint_site *self = &site;

		site.size = sizeof(site);
		site.type = type;
		site.line = line;
		site.name = name;
		site.doc = doc;
		site.file = file;
		failpoint_register(&self, &self + 1);
	}
	~failpoint_static_site()
	{
		failpoint_site *self = &site;

		failpoint_unregister(&self, &self + 1);
	}
	failpoint_static_site(const failpoint_static_site &) = delete;
	failpoint_static_site &
	operator=(const failpoint_static_site &) = delete;
};

template <class Tag>
struct __attribute__((visibility("hidden"))) failpoint_site_of {
	static failpoint_static_site object;
};
template <class Tag>
failpoint_static_site failpoint_site_of<Tag>::object(Tag::name(), Tag::doc(),
						     Tag::type(), Tag::file(),
						     Tag::line());

#define FAILPOINT_SITE(site_name, site_doc, site_type)                         \
	__extension__({                                                        \
		struct failpoint_tag {                                         \
			static const char *name()                              \
			{                                                      \
				return "" site_name;                           \
			}                                                      \
			static const char *doc()                               \
			{                                                      \
				return "" site_doc;                            \
			}                                                      \
			static failpoint_type type()                           \
			{                                                      \
				return site_type;                              \
			}                                                      \
			static const char *file()                              \
			{                                                      \
				return __FILE__;                               \
			}                                                      \
			static int line()                                      \
			{                                                      \
				return __LINE__;                               \
			}                                                      \
		};                                                             \
		&failpoint_site_of<failpoint_tag>::object.site;                \
	})

#else

/* All sites of an object file leave a pointer in one section, whose range each
 * shared object and program registers before its own constructors run. */
#if defined(__has_attribute) && __has_attribute(retain)
#define FAILPOINT_ENTRY                                                        \
	__attribute__((section("failpoint_sites"), used, retain))
#else
#define FAILPOINT_ENTRY __attribute__((section("failpoint_sites"), used))
#endif

/* Not there in an object that has the header and no site. */
extern struct failpoint_site *__start_failpoint_sites[]
	__attribute__((weak, visibility("hidden")));
extern struct failpoint_site *__stop_failpoint_sites[]
	__attribute__((weak, visibility("hidden")));

#define FAILPOINT_SITE_INIT(site_name, site_doc, site_type)                    \
	{                                                                      \
		sizeof(struct failpoint_site), 0, site_type, __LINE__,         \
			"" site_name, "" site_doc, __FILE__, 0, 0, 0, 0        \
	}

#define FAILPOINT_SITE(site_name, site_doc, site_type)                         \
	__extension__({                                                        \
		static struct failpoint_site failpoint_here =                  \
			FAILPOINT_SITE_INIT(site_name, site_doc, site_type);   \
		static struct failpoint_site *failpoint_entry                  \
			FAILPOINT_ENTRY = &failpoint_here;                     \
		&failpoint_here;                                               \
	})

#ifndef FAILPOINT_NO_SITES
__attribute__((constructor(101))) static void failpoint_object_loaded(void)
{
	if (__start_failpoint_sites)
		failpoint_register(__start_failpoint_sites,
				   __stop_failpoint_sites);
}

__attribute__((destructor(101))) static void failpoint_object_unloaded(void)
{
	if (__start_failpoint_sites)
		failpoint_unregister(__start_failpoint_sites,
				     __stop_failpoint_sites);
}
#endif

#endif

/* ---- The macros ------------------------------------------------------ */

/*
 * Conditions: `if (FAILPOINT("name")) ...`, where break, continue, goto and
 * return do in the body what they do anywhere. The last argument of each, a
 * sentence for listings, may be left out. Name and sentence are literals.
 *
 * A typed one sets *value when the hit has brought a value, and else leaves it
 * alone: give it first the value that a bare `return` shall mean. A hit with a
 * value of another type is none: it prints one line.
 */
#define FAILPOINT(...)                                                         \
	FAILPOINT_LEFT(failpoint_at(FAILPOINT_VOID_SITE(__VA_ARGS__, "", 0)))
/* int64_t *value */
#define FAILPOINT_INT(name, ...)                                               \
	FAILPOINT_TYPED(failpoint_at_int, FAILPOINT_TYPE_INT, name,            \
			__VA_ARGS__, "", 0)
/* int *value */
#define FAILPOINT_INT32(name, ...)                                             \
	FAILPOINT_TYPED(failpoint_at_int32, FAILPOINT_TYPE_INT32, name,        \
			__VA_ARGS__, "", 0)
/* const char **value: stays valid for ever */
#define FAILPOINT_STRING(name, ...)                                            \
	FAILPOINT_TYPED(failpoint_at_string, FAILPOINT_TYPE_STRING, name,      \
			__VA_ARGS__, "", 0)
/* bool *value */
#define FAILPOINT_BOOL(name, ...)                                              \
	FAILPOINT_TYPED(failpoint_at_bool, FAILPOINT_TYPE_BOOL, name,          \
			__VA_ARGS__, "", 0)
/* int *value: positive */
#define FAILPOINT_ERRNO(name, ...)                                             \
	FAILPOINT_TYPED(failpoint_at_errno, FAILPOINT_TYPE_ERRNO, name,        \
			__VA_ARGS__, "", 0)
/* struct failpoint_value *value: of any type, VOID for a bare `return` */
#define FAILPOINT_VALUE(name, ...)                                             \
	FAILPOINT_TYPED(failpoint_at_value, FAILPOINT_TYPE_ANY, name,          \
			__VA_ARGS__, "", 0)

/* The same, only evaluated, and only counted as a hit, when condition holds. */
#define FAILPOINT_IF(condition, ...) ((condition) && FAILPOINT(__VA_ARGS__))

/* On a hit calls function(user, value) with value a
 * `const struct failpoint_value *`. Is true when it did. */
#define FAILPOINT_CALL(name, function, ...)                                    \
	FAILPOINT_CALL_TYPED(name, function, __VA_ARGS__, "", 0)

/* On a hit sets errno, to EIO if the hit has brought no value:
 * `if (FAILPOINT_SET_ERRNO("name")) return NULL;` */
#define FAILPOINT_SET_ERRNO(...)                                               \
	FAILPOINT_LEFT(failpoint_at_set_errno(                                 \
		FAILPOINT_ERRNO_SITE(__VA_ARGS__, "", 0)))

/*
 * Statements. On a hit the first returns -errno from the function it is in, the
 * second sets errno and returns result: `FAILPOINT_RETURN_SET_ERRNO("x", -1);`.
 * Both take a sentence at the end. EIO if the hit has brought no value.
 */
#define FAILPOINT_RETURN_ERRNO(...)                                            \
	do {                                                                   \
		int failpoint_errno = EIO;                                     \
                                                                               \
		if (FAILPOINT_LEFT(failpoint_at_errno(                         \
			    FAILPOINT_ERRNO_SITE(__VA_ARGS__, "", 0),          \
			    &failpoint_errno)))                                \
			return -failpoint_errno;                               \
	} while (0)
#define FAILPOINT_RETURN_SET_ERRNO(name, ...)                                  \
	FAILPOINT_RETURN_RESULT(name, __VA_ARGS__, "", 0)

/*
 * At file scope: a site that does not stand where it is hit. variable becomes a
 * `static struct failpoint_site *const` for failpoint_at() and its sisters; type
 * is one of enum failpoint_type. Ends with a semicolon.
 */
#ifdef FAILPOINT_DISABLE
#define FAILPOINT_STATIC(variable, type, name, doc)                            \
	__attribute__((unused)) static struct failpoint_site *const variable = 0
#elif defined(__cplusplus)
#define FAILPOINT_STATIC(variable, type, name, doc)                            \
	static failpoint_static_site variable##_site("" name, "" doc, type,    \
						     __FILE__, __LINE__);      \
	__attribute__((unused)) static struct failpoint_site *const variable = \
		&variable##_site.site
#else
#define FAILPOINT_STATIC(variable, type, name, doc)                            \
	static struct failpoint_site variable##_site =                         \
		FAILPOINT_SITE_INIT(name, doc, type);                          \
	static struct failpoint_site *variable##_entry FAILPOINT_ENTRY =       \
		&variable##_site;                                              \
	__attribute__((unused)) static struct failpoint_site *const variable = \
		&variable##_site
#endif

/* The parts of the above. Without optimization, too, nothing is left of what is
 * disabled. */
#ifdef FAILPOINT_DISABLE
#define FAILPOINT_LEFT(hit) (false && (hit))
#else
#define FAILPOINT_LEFT(hit) (hit)
#endif

/* What stands in the place of a missing sentence. */
#define FAILPOINT_VOID_SITE(name, doc, ...)                                    \
	FAILPOINT_SITE(name, doc, FAILPOINT_TYPE_VOID)
#define FAILPOINT_ERRNO_SITE(name, doc, ...)                                   \
	FAILPOINT_SITE(name, doc, FAILPOINT_TYPE_ERRNO)
#define FAILPOINT_TYPED(at, type, name, value, doc, ...)                       \
	FAILPOINT_LEFT(at(FAILPOINT_SITE(name, doc, type), value))
#define FAILPOINT_CALL_TYPED(name, function, user, doc, ...)                   \
	__extension__({                                                        \
		struct failpoint_value failpoint_got;                          \
		bool failpoint_is_hit = FAILPOINT_LEFT(failpoint_at_value(     \
			FAILPOINT_SITE(name, doc, FAILPOINT_TYPE_ANY),         \
			&failpoint_got));                                      \
                                                                               \
		if (failpoint_is_hit)                                          \
			(function)(user, &failpoint_got);                      \
		failpoint_is_hit;                                              \
	})
#define FAILPOINT_RETURN_RESULT(name, result, doc, ...)                        \
	do {                                                                   \
		if (FAILPOINT_LEFT(failpoint_at_set_errno(                     \
			    FAILPOINT_SITE(name, doc, FAILPOINT_TYPE_ERRNO)))) \
			return result;                                         \
	} while (0)

#ifdef __cplusplus

/* Arms points until the end of its scope, which disarms them. An error throws,
 * or without exceptions prints a line and aborts. */
namespace failpoint
{
class scope
{
	failpoint_scope held;

      public:
	explicit scope(const char *entries)
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
	    : held(failpoint_scope_begin(entries))
	{
		if (held.error < 0)
			throw std::invalid_argument(failpoint_error());
	}
#else
	    : held(failpoint_scope_require(entries))
	{
	}
#endif
	~scope()
	{
		failpoint_scope_end(&held);
	}
	scope(const scope &) = delete;
	scope &operator=(const scope &) = delete;
};
} // namespace failpoint

#endif

#pragma pack(pop)

#endif
