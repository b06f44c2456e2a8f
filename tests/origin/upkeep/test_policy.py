"""The settings of upkeep as a policy."""

import pytest

from kernel.errors import BadSettings
from kernel.settings.table import resolve
from origin.settings import OriginSettings
from origin.upkeep.policy import policy_of


def test_as_the_settings_say():
    given = {"gc_every": ["2h"], "keep_superseded": ["3d"], "scrub_every": ["0"], "scrub_rate": ["5MiB"]}
    policy = policy_of(resolve(OriginSettings, flags=given))
    assert (policy.garbage_every, policy.garbage.superseded, policy.garbage.masters) == (7200, 3 * 86400, 0)
    assert (policy.scrub_every, policy.scrub_rate) == (0, 5 << 20)


@pytest.mark.parametrize(("name", "text"), [("cold_after", "1h"), ("keep_superseded", "5m")])
def test_times_that_would_hurt_viewers_are_refused(name, text):
    with pytest.raises(BadSettings, match=name):
        resolve(OriginSettings, flags={name: [text]})
