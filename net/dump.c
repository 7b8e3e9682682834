/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter-dump: a pcap file of what passes. Format: the classic one of libpcap, pcap-savefile(5),
 * version 2.4, microseconds, in the host's order.
 */
#include "net/net-priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PCAP_VERSION_MAJOR = 2, PCAP_VERSION_MINOR = 4, PCAP_ETHERNET = 1 };

struct NetDump {
    FILE *f;
    uint32_t maxlen;
};

NetDump *net_dump_open(const char *path, uint32_t maxlen, GError **err)
{
    struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, maxlen, link;
    } head = { 0xa1b2c3d4, PCAP_VERSION_MAJOR, PCAP_VERSION_MINOR, 0, 0, maxlen, PCAP_ETHERNET };
    FILE *f = fopen(path, "we");
    NetDump *d;

    /* The head goes out now: a file without it is none. */
    if (!f || fwrite(&head, sizeof(head), 1, f) != 1 || fflush(f)) {
        error_set(err, "file=%s: %s", path, g_strerror(errno));
        if (f) {
            fclose(f);
        }
        return NULL;
    }
    d = g_new0(NetDump, 1);
    d->f = f;
    d->maxlen = maxlen;
    return d;
}

void net_dump_frame(NetDump *d, const uint8_t *frame, size_t len)
{
    int64_t now = g_get_real_time();
    uint32_t kept = len < d->maxlen ? (uint32_t)len : d->maxlen;
    uint32_t head[4] = { (uint32_t)(now / G_USEC_PER_SEC), (uint32_t)(now % G_USEC_PER_SEC), kept,
                         (uint32_t)len };

    if (!d->f) {
        return;
    }
    /* Whole records alone are of use to who reads along. A full disk ends the dump. */
    if (fwrite(head, sizeof(head), 1, d->f) != 1 || fwrite(frame, 1, kept, d->f) != kept ||
        fflush(d->f)) {
        fclose(d->f);
        d->f = NULL;
    }
}

void net_dump_close(NetDump *d)
{
    if (d->f) {
        fclose(d->f);
    }
    g_free(d);
}
