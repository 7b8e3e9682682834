/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: messages for people, items of -d, and trace events by pattern. A LogSink belongs to
 * a machine (or to the command, before there is one); nothing here is process-wide.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include "util/error.h"
#include "util/lock.h"

#include <stdarg.h>
#include <stdint.h>

/* Items of `-d a,b`; the names are QEMU's where it has the item. */
typedef enum LogItem {
    LOG_IN_ASM = 1 << 0,
    LOG_OUT_ASM = 1 << 1,
    LOG_OP = 1 << 2,
    LOG_OP_OPT = 1 << 3,
    LOG_INT = 1 << 4,
    LOG_EXEC = 1 << 5,
    LOG_CPU = 1 << 6,
    LOG_MMU = 1 << 7,
    LOG_PCALL = 1 << 8,
    LOG_CPU_RESET = 1 << 9,
    LOG_UNIMP = 1 << 10,
    LOG_GUEST_ERROR = 1 << 11,
    LOG_PAGE = 1 << 12,
    LOG_NOCHAIN = 1 << 13,
    LOG_FPU = 1 << 14,
    LOG_TRACE = 1 << 15, /* some trace pattern is on */
} LogItem;

typedef enum LogLevel { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO } LogLevel;

typedef struct LogSink LogSink;

/* Writes to stderr until log_open. Context: ANY_THREAD for every function. */
LogSink *log_sink_new(void);
void log_sink_free(LogSink *log);

/* `-D file`; "-" or NULL is stderr. Messages for people go to stderr as well. */
NODISCARD bool log_open(LogSink *log, const char *path, GError **err);
/* `-d help` text; the caller frees. */
char *log_items_help(void);
/* `-d in_asm,int,trace:PATTERN`: replaces the items; "none" clears. */
NODISCARD bool log_set_items(LogSink *log, const char *text, GError **err);
/* `-dfilter A..B,A+SIZE,B-SIZE`: of blocks, only those that begin there. */
NODISCARD bool log_set_ranges(LogSink *log, const char *text, GError **err);
bool log_in_ranges(const LogSink *log, uint64_t addr);
/* -msg: messages for people begin with the time, with @guest (NULL: without). */
void log_set_heading(LogSink *log, bool time, const char *guest);
/* That heading, empty or ending in a blank; the caller frees. */
char *log_heading(bool time, const char *guest);
/* `-trace PATTERN` ('*' matches anything; a leading '-' switches off). Later ones win. */
void log_trace_pattern(LogSink *log, const char *pattern);

/* One load and one branch when off: `if (log_on(log, LOG_INT)) log_item(...)`. */
static inline bool log_on(const LogSink *log, unsigned items)
{
    return (__atomic_load_n((const uint32_t *)log, __ATOMIC_RELAXED) & items) != 0;
}

/* Raw text into the log file, whether or not an item is on. */
void log_item(LogSink *log, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* Is the event @name of @who (device path or NULL) wanted? Only after log_on(LOG_TRACE). */
bool log_trace_wanted(LogSink *log, const char *who, const char *name);
void log_trace(LogSink *log, const char *who, const char *name, const char *fmt, ...)
    G_GNUC_PRINTF(4, 5);
void log_vmessage(LogSink *log, LogLevel level, const char *who, const char *fmt, va_list ap)
    G_GNUC_PRINTF(4, 0);
void log_message(LogSink *log, LogLevel level, const char *who, const char *fmt, ...)
    G_GNUC_PRINTF(4, 5);

#endif
