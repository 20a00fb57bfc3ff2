/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: takes any bytes, and aborts when something is not as it has to
 * be. libFuzzer calls it where there is one (clang); elsewhere random.c does.
 */
#ifndef FLAKEY_TESTS_FUZZ_TARGET_H
#define FLAKEY_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* The name and the result are libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
