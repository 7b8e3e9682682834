/* SPDX-License-Identifier: Apache-2.0 */
/* Built without jansson: no QMP. */
#include "monitor/monitor-priv.h"

bool qmp_start(Monitor *mon, GError **err)
{
    return error_set(err, "QMP is not available: this was built without jansson");
}

void qmp_stop(Monitor *mon)
{
}

void qmp_event(Monitor *mon, const char *name, const char *data_json)
{
}

char *qmp_execute_text(MonHost *h, const char *text)
{
    return NULL;
}
