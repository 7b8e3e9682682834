/* SPDX-License-Identifier: Apache-2.0 */
#include "accel/tcg/host/x86_64/x64-priv.h"
#include "tests/unit.h"

#include <string.h>

TEST(x64_features, a_tier_hides_what_is_above)
{
    X64Features f;

    memset(&f, 1, sizeof(f));
    EXPECT(x64_features_limit(&f, NULL, NULL) && f.avx512 && f.gfni);
    EXPECT(x64_features_limit(&f, "max", NULL) && f.avx512 && f.gfni && f.vbmi);
    EXPECT(x64_features_limit(&f, "v4", NULL) && f.avx512 && f.avx512bw && !f.gfni && !f.vnni);
    EXPECT(x64_features_limit(&f, "v3", NULL) && f.avx2 && f.fma && !f.avx512 && !f.avx512f);
    EXPECT(x64_features_limit(&f, "v2", NULL) && !f.avx && !f.bmi2 && f.aes && f.sha);
}

TEST(x64_features, a_tier_out_of_reach_is_refused)
{
    X64Features f;
    g_autoptr(GError) err = NULL, err2 = NULL, err3 = NULL;

    memset(&f, 1, sizeof(f));
    f.avx512dq = false;
    EXPECT(!x64_features_limit(&f, "v4", &err));
    EXPECT(err && strstr(err->message, "avx512dq"));
    EXPECT(!x64_features_limit(&f, "v5", &err2));
    EXPECT(err2 && strstr(err2->message, "v2, v3, v4, max"));
    f.avx = false;
    EXPECT(!x64_features_limit(&f, "v3", &err3));
    EXPECT(err3 && strstr(err3->message, "avx,"));
}
