/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of the human monitor: C's operators + - * / % & | ^ ~ and parentheses over
 * numbers, 'c' and $registers, 64 bits wide. Binding, weakest first: + -, then & | ^, then * / %;
 * as users of QEMU's monitor know it.
 */
#include "monitor/monitor-priv.h"

#include "core/target.h"
#include "util/bytes.h"

#include <string.h>

enum { EXPR_DEPTH = 64 };

typedef struct Expr {
    MonCall *call;
    const char *p;
    unsigned depth;
} Expr;

static bool expr_sum(Expr *e, int64_t *v, GError **err);

static void expr_blanks(Expr *e)
{
    while (g_ascii_isspace(*e->p)) {
        e->p++;
    }
}

typedef struct ExprReg {
    const CpuReg *reg;
    uint64_t value;
} ExprReg;

static void expr_get_reg(Cpu *cpu, void *arg)
{
    ExprReg *r = arg;
    uint8_t bytes[32] = { 0 };

    r->reg->get(cpu, r->reg->index, bytes);
    r->value = get_le64(bytes);
    if (r->reg->bits < 64) {
        r->value &= (1ull << r->reg->bits) - 1;
    }
}

static bool expr_register(Expr *e, int64_t *v, GError **err)
{
    size_t len = strspn(e->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    g_autofree char *name = g_strndup(e->p, len);
    Cpu *cpu = mon_call_cpu(e->call);
    const Target *t = cpu ? cpu->target : NULL;

    for (unsigned i = 0; t && i < t->n_regs; i++) {
        if (!g_ascii_strcasecmp(t->regs[i].name, name)) {
            ExprReg r = { &t->regs[i], 0 };

            cpu_run_on_wait(cpu, expr_get_reg, &r);
            *v = (int64_t)r.value;
            e->p += len;
            return true;
        }
    }
    return error_set(err, "unknown register");
}

static bool expr_number(Expr *e, int64_t *v, GError **err)
{
    char *end;

    if (e->p[0] == '\'' && e->p[1] && e->p[2] == '\'') {
        *v = (uint8_t)e->p[1];
        e->p += 3;
        return true;
    }
    if (!*e->p) {
        return error_set(err, "unexpected end of expression");
    }
    *v = (int64_t)g_ascii_strtoull(e->p, &end, 0);
    if (end == e->p) {
        return error_set(err, "invalid char '%c' in expression", *e->p);
    }
    e->p = end;
    return true;
}

static bool expr_unary(Expr *e, int64_t *v, GError **err)
{
    bool ok;

    expr_blanks(e);
    if (e->depth >= EXPR_DEPTH) {
        return error_set(err, "the expression is nested too deeply");
    }
    e->depth++;
    switch (*e->p) {
    case '+':
        e->p++;
        ok = expr_unary(e, v, err);
        break;
    case '-':
        e->p++;
        ok = expr_unary(e, v, err);
        *v = (int64_t) - (uint64_t)*v;
        break;
    case '~':
        e->p++;
        ok = expr_unary(e, v, err);
        *v = ~*v;
        break;
    case '(':
        e->p++;
        ok = expr_sum(e, v, err);
        if (ok && *e->p != ')') {
            ok = error_set(err, "')' expected");
        } else if (ok) {
            e->p++;
        }
        break;
    case '$':
        e->p++;
        ok = expr_register(e, v, err);
        break;
    default:
        ok = expr_number(e, v, err);
    }
    e->depth--;
    expr_blanks(e);
    return ok;
}

static bool expr_product(Expr *e, int64_t *v, GError **err)
{
    int64_t b;

    *v = 0;
    if (!expr_unary(e, v, err)) {
        return false;
    }
    while (*e->p == '*' || *e->p == '/' || *e->p == '%') {
        char op = *e->p++;

        b = 0;
        if (!expr_unary(e, &b, err)) {
            return false;
        }
        if (op != '*' && !b) {
            return error_set(err, "division by zero");
        }
        if (op == '*') {
            *v = (int64_t)((uint64_t)*v * (uint64_t)b);
        } else if (b == -1) {
            *v = op == '/' ? (int64_t) - (uint64_t)*v : 0;
        } else {
            *v = op == '/' ? *v / b : *v % b;
        }
    }
    return true;
}

static bool expr_bits(Expr *e, int64_t *v, GError **err)
{
    int64_t b;

    if (!expr_product(e, v, err)) {
        return false;
    }
    while (*e->p == '&' || *e->p == '|' || *e->p == '^') {
        char op = *e->p++;

        if (!expr_product(e, &b, err)) {
            return false;
        }
        *v = op == '&' ? *v & b : op == '|' ? *v | b : *v ^ b;
    }
    return true;
}

static bool expr_sum(Expr *e, int64_t *v, GError **err)
{
    int64_t b;

    if (!expr_bits(e, v, err)) {
        return false;
    }
    while (*e->p == '+' || *e->p == '-') {
        char op = *e->p++;

        if (!expr_bits(e, &b, err)) {
            return false;
        }
        *v = (int64_t)(op == '+' ? (uint64_t)*v + (uint64_t)b : (uint64_t)*v - (uint64_t)b);
    }
    return true;
}

bool mon_expr_parse(MonCall *c, const char **text, int64_t *value, GError **err)
{
    Expr e = { c, *text, 0 };

    if (!expr_sum(&e, value, err)) {
        return false;
    }
    *text = e.p;
    return true;
}
