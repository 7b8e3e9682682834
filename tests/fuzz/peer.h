/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of a socket: says what an input says, and takes in all that it hears. */
#ifndef TESTS_FUZZ_PEER_H
#define TESTS_FUZZ_PEER_H

#include "tests/fuzz/fuzz.h"

typedef struct FuzzPeer {
    int ours, theirs; /* descriptors of a pair */
    GByteArray *says;
    bool ended;
    FiberQueue wait;
} FuzzPeer;

/* .theirs is taken over by whoever is tested. */
FuzzPeer *fuzz_peer_new(void);
/* Numbers in network order. */
void fuzz_peer_be(FuzzPeer *p, uint64_t value, unsigned bytes);
void fuzz_peer_bytes(FuzzPeer *p, const void *bytes, size_t len);
/* Begins to talk, in a fiber of its own; then hangs up. */
void fuzz_peer_start(FuzzPeer *p);
/* Until it has ended, which is when both have hung up. FIBER */
void fuzz_peer_free(FuzzPeer *p);

#endif
