/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes AML, the byte code of ACPI's tables, in order: what opens with aml_*_begin gives a mark
 * and ends with aml_end(mark). Names are paths as in ASL ("\\_SB", "PCI0", "^CTRL").
 * Spec: ACPI Specification 6.4, ch. 20 (AML), 6.4 (resource descriptors).
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include "util/bits.h"

#include <glib.h>
#include <stdbool.h>

typedef GByteArray Aml;

/* ---- What has a length ---- */

unsigned aml_scope_begin(Aml *a, const char *name);
unsigned aml_device_begin(Aml *a, const char *name);
unsigned aml_method_begin(Aml *a, const char *name, unsigned n_args, bool serialized);
unsigned aml_package_begin(Aml *a, unsigned n);
/* The predicate follows. */
unsigned aml_if_begin(Aml *a);
unsigned aml_else_begin(Aml *a);
/* A Buffer whose bytes are a resource template. */
unsigned aml_resources_begin(Aml *a);
void aml_resources_end(Aml *a, unsigned mark);
/* Of any of the others. */
void aml_end(Aml *a, unsigned mark);

/* ---- Terms ---- */

/* NameOp; the value follows. */
void aml_name(Aml *a, const char *name);
void aml_name_int(Aml *a, const char *name, uint64_t val);
void aml_name_str(Aml *a, const char *name, const char *text);
/* "PNP0A08" as the 32-bit number that identifiers of this form are. */
void aml_name_eisa(Aml *a, const char *name, const char *id);
/* A reference to an object. */
void aml_ref(Aml *a, const char *name);
void aml_int(Aml *a, uint64_t val);
void aml_str(Aml *a, const char *text);
void aml_buffer(Aml *a, const void *bytes, unsigned len);
/* Text as UTF-16 with a terminator. */
void aml_unicode(Aml *a, const char *text);
/* "33db4d5b-1ff7-401c-9657-7441c03dd766" as its 16 bytes, in the order that ToUUID gives them. */
void aml_uuid(Aml *a, const char *text);
void aml_arg(Aml *a, unsigned n);
void aml_local(Aml *a, unsigned n);
/* Return; the value follows. */
void aml_return(Aml *a);
/* Store; source and target follow. */
void aml_store(Aml *a);
/* Equality; both operands follow. */
void aml_equal(Aml *a);
void aml_not(Aml *a);
/* Bitwise; two operands and the target follow. */
void aml_and(Aml *a);
void aml_or(Aml *a);
/* `name |= bits` */
void aml_set_bits(Aml *a, const char *name, unsigned bits);
/* No target. */
void aml_nowhere(Aml *a);
void aml_dword_field(Aml *a, unsigned arg, unsigned offset, const char *name);
void aml_notify(Aml *a, const char *object, uint64_t val);
/* A region of memory and one field of 32 bits at its start; no lock. */
void aml_memory_dword(Aml *a, const char *region, const char *field, uint32_t base);

/* ---- Resource descriptors ---- */

void aml_memory32(Aml *a, uint32_t base, uint32_t len);
/* Level, active high, exclusive; @gsi counts SGIs and PPIs. */
void aml_interrupt(Aml *a, uint32_t gsi);
/* The same by edge. */
void aml_interrupt_edge(Aml *a, uint32_t gsi);
void aml_bus_numbers(Aml *a, uint16_t first, uint16_t last);
/* Windows of a bridge. */
void aml_window_memory32(Aml *a, uint32_t base, uint32_t len);
void aml_window_memory64(Aml *a, uint64_t base, uint64_t len);
/* Ports from 0, at @at in memory. */
void aml_window_io(Aml *a, uint32_t at, uint32_t len);
/* Pin @pin of controller @name: edge, active high, pulled up. */
void aml_gpio_interrupt(Aml *a, const char *name, uint16_t pin);

/* ---- Of PCs ---- */

enum { AML_SPACE_MEMORY, AML_SPACE_IO, AML_SPACE_PCI_CONFIG };

/* A CPU by the old operator; what it holds follows. */
unsigned aml_processor_begin(Aml *a, const char *name, uint8_t id);
void aml_region(Aml *a, const char *name, unsigned space, uint64_t base, uint64_t len);
/* Fields of @region, read and written by @access (1 byte ... 3 double word). */
unsigned aml_field_begin(Aml *a, const char *region, unsigned access);
/* The next @bits; NULL: without a name. */
void aml_field(Aml *a, const char *name, unsigned bits);
/* CreateDWordField of object @source. */
void aml_dword_field_of(Aml *a, const char *source, unsigned offset, const char *name);
/* Less than; both operands follow. */
void aml_less(Aml *a);

/* Ports that 16 address lines decode. */
void aml_io(Aml *a, uint16_t port, uint8_t len);
/* A line of ISA: edge, active high. */
void aml_irq(Aml *a, unsigned irq);
void aml_dma(Aml *a, unsigned channel);
/* One of @gsis: level, active high, shared. */
void aml_interrupts(Aml *a, const uint8_t *gsis, unsigned n);
/* Windows of a bridge that shows ports as they are, and memory, cached or not. */
void aml_window_ports(Aml *a, uint16_t base, uint32_t len);
void aml_window_memory(Aml *a, uint64_t base, uint64_t len, bool wide, bool cached);

#endif
