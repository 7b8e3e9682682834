/* SPDX-License-Identifier: Apache-2.0 */
#include "util/error.h"
#include "tests/unit.h"

TEST(error, set_returns_false_and_the_message)
{
    g_autoptr(GError) err = NULL;

    EXPECT(!error_set(&err, "no %s called '%s'", "machine", "vrit"));
    EXPECT_STR(err->message, "no machine called 'vrit'");
}
