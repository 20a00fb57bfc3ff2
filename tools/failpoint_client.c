/* SPDX-License-Identifier: MIT */
#include "tools/failpoint_client.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/errmsg.h"
#include "common/log.h"
#include "tools/cmd.h"
#include "tools/progress.h"

#define TIMEOUT_MS INT64_C(30000)
#define CONNECT_TIMEOUT_MS 10000L
#define ANSWER_BYTES_MAX ((size_t)16 << 20)
#define HTTP "http://"
#define UNIX "unix:"

/* What is used of libcurl. */
struct curl_library {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *init;
	__typeof__(curl_easy_setopt) *setopt;
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_getinfo) *getinfo;
	__typeof__(curl_easy_strerror) *strerror;
	__typeof__(curl_easy_cleanup) *cleanup;
	__typeof__(curl_slist_append) *list_append;
	__typeof__(curl_slist_free_all) *list_free;
};

/* It stays until the process ends, as libcurl wants it. */
static int load(struct curl_library *library, struct errmsg *reterr_why)
{
	/* Debian has both, and promises that they are the same. */
	void *handle = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		errmsg_set(reterr_why, "libcurl is missing: install %s",
			   "libcurl3-gnutls or libcurl4");
		return -ENOENT;
	}
	library->global_init = dlsym(handle, "curl_global_init");
	library->init = dlsym(handle, "curl_easy_init");
	library->setopt = dlsym(handle, "curl_easy_setopt");
	library->perform = dlsym(handle, "curl_easy_perform");
	library->getinfo = dlsym(handle, "curl_easy_getinfo");
	library->strerror = dlsym(handle, "curl_easy_strerror");
	library->cleanup = dlsym(handle, "curl_easy_cleanup");
	library->list_append = dlsym(handle, "curl_slist_append");
	library->list_free = dlsym(handle, "curl_slist_free_all");
	if (library->global_init && library->init && library->setopt &&
	    library->perform && library->getinfo && library->strerror &&
	    library->cleanup && library->list_append && library->list_free &&
	    library->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		return 0;
	errmsg_set(reterr_why, "libcurl cannot be used: it is another version");
	return -ENOENT;
}

/* The address, or NULL. */
static const char *address_of(const struct cmd_args *args)
{
	const char *address = cmd_value(args, "address");

	if (!address)
		address = getenv("GOFAIL_HTTP");
	return address && *address ? address : NULL;
}

bool failpoint_client_knows(const struct cmd_args *args)
{
	return address_of(args) != NULL;
}

int failpoint_client_check(const struct cmd_args *args, char *const *names)
{
	if (!address_of(args))
		return cmd_usage(args->cmd, "no program is named: give "
					    "--address, or set GOFAIL_HTTP");
	for (; *names; names++) {
		if (!**names)
			return cmd_usage(args->cmd, "a name is empty");
		for (const char *c = *names; *c; c++)
			if ((unsigned char)*c <= ' ' || *c == 0x7f)
				return cmd_usage(args->cmd,
						 "'%.80s' cannot be sent: "
						 "HTTP has no blanks in names",
						 *names);
	}
	return CMD_DONE;
}

static size_t take(char *data, size_t size, size_t count, void *user)
{
	struct text *body = user;

	text_append(body, data, size * count);
	return body->failed ? 0 : size * count;
}

/* One question: the strings that libcurl borrows. */
struct exchange {
	struct curl_library curl;
	CURL *handle;
	struct curl_slist *headers;
	struct text url;
	struct text target;
	char reason[CURL_ERROR_SIZE];
};

/* Where it listens, as libcurl wants it. Nothing of it reaches the program
 * asked but in the header Host. */
static CURLcode set_address(struct exchange *exchange, const char *address)
{
	const struct curl_library *curl = &exchange->curl;
	CURLcode code = CURLE_OK;

	if (strncmp(address, UNIX, strlen(UNIX)) == 0) {
		code = curl->setopt(exchange->handle, CURLOPT_UNIX_SOCKET_PATH,
				    address + strlen(UNIX));
		address = "localhost";
	} else if (strncmp(address, HTTP, strlen(HTTP)) == 0) {
		address += strlen(HTTP);
	}
	text_printf(&exchange->url, HTTP "%s%.*s/",
		    *address == ':' ? "localhost" : "",
		    (int)strcspn(address, "/"), address);
	if (exchange->url.failed)
		return CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK)
		code = curl->setopt(exchange->handle, CURLOPT_URL,
				    exchange->url.data);
	return code;
}

/* The target is sent as it is: names are raw. */
static CURLcode set_question(struct exchange *exchange,
			     const struct failpoint_question *question)
{
	const struct curl_library *curl = &exchange->curl;
	CURL *handle = exchange->handle;
	CURLcode code;

	text_printf(&exchange->target, "/%s%s", question->name,
		    question->suffix ? question->suffix : "");
	if (exchange->target.failed)
		return CURLE_OUT_OF_MEMORY;
	code = curl->setopt(handle, CURLOPT_REQUEST_TARGET,
			    exchange->target.data);
	if (code == CURLE_OK && question->body) {
		/* No "Expect: 100-continue": gofail's answer comes at once. */
		exchange->headers = curl->list_append(NULL, "Expect:");
		code = exchange->headers
			       ? curl->setopt(handle, CURLOPT_HTTPHEADER,
					      exchange->headers)
			       : CURLE_OUT_OF_MEMORY;
		if (code == CURLE_OK)
			code = curl->setopt(handle, CURLOPT_POSTFIELDSIZE,
					    (long)strlen(question->body));
		if (code == CURLE_OK)
			code = curl->setopt(handle, CURLOPT_POSTFIELDS,
					    question->body);
	}
	if (code == CURLE_OK)
		code = curl->setopt(handle, CURLOPT_CUSTOMREQUEST,
				    question->method);
	return code;
}

static CURLcode set_rules(struct exchange *exchange, int64_t timeout_ms,
			  struct text *body)
{
	const struct curl_library *curl = &exchange->curl;
	CURL *handle = exchange->handle;
	CURLcode codes[] = {
		curl->setopt(handle, CURLOPT_ERRORBUFFER, exchange->reason),
		curl->setopt(handle, CURLOPT_PROTOCOLS_STR, "http"),
		curl->setopt(handle, CURLOPT_NOPROXY, "*"),
		curl->setopt(handle, CURLOPT_NOSIGNAL, 1L),
		curl->setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
			     CONNECT_TIMEOUT_MS),
		curl->setopt(handle, CURLOPT_TIMEOUT_MS, (long)timeout_ms),
		curl->setopt(handle, CURLOPT_WRITEFUNCTION, take),
		curl->setopt(handle, CURLOPT_WRITEDATA, body),
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] != CURLE_OK)
			return codes[i];
	return CURLE_OK;
}

static CURLcode perform(struct exchange *exchange, const char *address,
			const struct failpoint_question *question,
			struct failpoint_answer *answer)
{
	const struct curl_library *curl = &exchange->curl;
	int64_t timeout_ms =
		question->timeout_ms ? question->timeout_ms : TIMEOUT_MS;
	CURLcode code;

	exchange->handle = curl->init();
	if (!exchange->handle)
		return CURLE_OUT_OF_MEMORY;
	code = set_rules(exchange, timeout_ms, &answer->body);
	if (code == CURLE_OK)
		code = set_address(exchange, address);
	if (code == CURLE_OK)
		code = set_question(exchange, question);
	if (code == CURLE_OK)
		code = curl->perform(exchange->handle);
	if (code == CURLE_OK)
		code = curl->getinfo(exchange->handle, CURLINFO_RESPONSE_CODE,
				     &answer->status);
	return code;
}

int failpoint_client_ask(const struct cmd_args *args,
			 const struct failpoint_question *question,
			 struct failpoint_answer *ret_answer,
			 struct errmsg *reterr_why)
{
	struct failpoint_answer answer = {0};
	struct exchange exchange = {0};
	const char *address = address_of(args);
	CURLcode code;
	int r = load(&exchange.curl, reterr_why);

	if (r < 0)
		return r;
	text_init(&answer.body);
	answer.body.limit_bytes = ANSWER_BYTES_MAX;
	text_init(&exchange.url);
	text_init(&exchange.target);
	code = perform(&exchange, address, question, &answer);
	text_append(&answer.body, "", 0);
	if (code != CURLE_OK || answer.body.failed) {
		errmsg_set(reterr_why, "cannot ask '%.120s': %s", address,
			   *exchange.reason ? exchange.reason
					    : exchange.curl.strerror(code));
		text_done(&answer.body);
		r = -EIO;
	} else {
		*ret_answer = answer;
	}
	exchange.curl.list_free(exchange.headers);
	exchange.curl.cleanup(exchange.handle);
	text_done(&exchange.url);
	text_done(&exchange.target);
	return r;
}

/* Several lines become a sentence. */
static void say_refusal(const struct failpoint_question *question,
			const struct failpoint_answer *answer,
			struct errmsg *reterr_why)
{
	struct text line;

	text_init(&line);
	text_append(&line, "", 0);
	for (size_t i = 0; i < answer->body.length_bytes; i++) {
		const char *c = answer->body.data + i;

		if (*c != '\n')
			text_append(&line, c, 1);
		else if (i + 1 < answer->body.length_bytes)
			text_append(&line, ": ", 2);
	}
	errmsg_set(reterr_why, "%.120s: the answer is %ld, %s", question->name,
		   answer->status,
		   line.failed || line.length_bytes == 0 ? "without a reason"
							 : line.data);
	text_done(&line);
}

int failpoint_client_do(const struct cmd_args *args,
			const struct failpoint_question *question,
			struct text *body, struct errmsg *reterr_why)
{
	struct failpoint_answer answer;
	struct progress *progress = progress_start(args->cmd->name);
	int r = failpoint_client_ask(args, question, &answer, reterr_why);

	progress_stop(progress);
	if (r < 0)
		return r;
	if (answer.status < 200 || answer.status > 299) {
		say_refusal(question, &answer, reterr_why);
		r = -EREMOTEIO;
	} else if (body) {
		text_append(body, answer.body.data, answer.body.length_bytes);
		if (text_result(body) < 0) {
			errmsg_set(reterr_why, "out of memory");
			r = -ENOMEM;
		}
	}
	text_done(&answer.body);
	return r;
}

int failpoint_client_print(const struct text *answer)
{
	if (text_result(answer) < 0) {
		log_error("out of memory");
		return CMD_FAILED;
	}
	if (fwrite(answer->data ? answer->data : "", 1, answer->length_bytes,
		   stdout) == answer->length_bytes)
		return CMD_DONE;
	log_error_errno(errno, "cannot print the answer");
	return CMD_FAILED;
}

int failpoint_client_show(const struct cmd_args *args,
			  failpoint_client_ask_fn *ask)
{
	struct text answer;
	struct errmsg why;
	int status = failpoint_client_check(args, args->operands);

	if (status != CMD_DONE)
		return status;
	text_init(&answer);
	if (ask(args, &answer, &why) < 0) {
		log_error("%s", why.text);
		status = CMD_FAILED;
	} else {
		status = failpoint_client_print(&answer);
	}
	text_done(&answer);
	return status;
}

int failpoint_client_print_done(const struct cmd_args *args)
{
	if (args->json)
		printf("{\"done\":true}\n");
	return CMD_DONE;
}
