"""The short form of `make chaos`: everything is killed once, and frozen, doubled and poisoned, while slides flow."""

import io

import pytest
from rich.console import Console

from stack.chaos.campaign import Campaign, campaign
from stack.missing import ServerMissing

SLIDES, KILLS = 2, 14


# The stack starts, and most of it starts again, on a machine that may be busy with other things.
@pytest.mark.timeout(900)
def test_nothing_is_lost_doubled_or_wrong(tmp_path):
    told = io.StringIO()
    try:
        sound = campaign(Campaign(tmp_path, 5, SLIDES, KILLS), Console(file=told, width=160))
    except ServerMissing as missing:
        pytest.skip(str(missing))
    assert sound, told.getvalue()
    assert f"{KILLS} kills" in told.getvalue()
