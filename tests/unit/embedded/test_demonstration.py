"""Where a demonstration works: what is someone else's there stays, and what cannot be written there ends it."""

import errno
import os
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from services.embedded.demo import DemonstrationFailed, through_the_hospital
from services.embedded.demo.place import MARK, taken
from services.kit.lock import StateInUse, locked
from tests.unit.embedded.test_command_line import frottis


@pytest.mark.parametrize("name", ["share/scan.vsi", "state/messages.db", "scanner/slide.vsi", "report.json", "share"])
def test_what_no_demonstration_made_is_neither_removed_nor_replaced(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("a laboratory's own")
    before = sorted(tmp_path.rglob("*"))
    refused = frottis("demo", "--out", tmp_path)
    assert (refused.returncode, "give another folder with --out" in refused.stderr) == (3, True), refused.stderr
    assert (tmp_path / name).read_text() == "a laboratory's own"
    assert sorted(tmp_path.rglob("*")) == before


def test_what_an_earlier_demonstration_made_is_removed_and_nothing_else(tmp_path):
    with taken(tmp_path / "demo"):
        for name in ("share", "state", "scanner", "mine"):
            (tmp_path / "demo" / name).mkdir(exist_ok=True)
            (tmp_path / "demo" / name / "left").touch()
    with taken(tmp_path / "demo"):
        assert [path.parent.name for path in tmp_path.rglob("left")] == ["mine"]
        assert list((tmp_path / "demo" / "share").iterdir()) == []


def test_empty_folders_are_nobodys(tmp_path):
    (tmp_path / "state").mkdir()
    with taken(tmp_path):
        assert (tmp_path / MARK).is_file()


@pytest.mark.parametrize("at_work", ["", "state"])
def test_a_demonstration_at_work_keeps_its_folders_and_so_does_a_run_on_its_state(tmp_path, at_work):
    with taken(tmp_path):
        (tmp_path / "state").mkdir()
    (tmp_path / "share" / "scan.vsi").touch()
    with locked(tmp_path / at_work, ["review" if at_work else "demonstration"]):
        with pytest.raises(StateInUse, match="give another folder with --out"), taken(tmp_path):
            pass
        assert (tmp_path / "share" / "scan.vsi").exists()
    with taken(tmp_path), pytest.raises(StateInUse, match="wait for its end"), taken(tmp_path):
        pass


def test_a_link_to_a_folder_elsewhere_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    with taken(tmp_path / "demo"):
        pass
    (tmp_path / "demo" / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DemonstrationFailed), taken(tmp_path / "demo"):
        pass
    assert (tmp_path / "elsewhere" / "kept").exists()


@pytest.mark.parametrize(
    ("code", "what"),
    [(errno.ENOSPC, "make room on its disk"), (errno.EROFS, "give access"), (errno.EIO, "give another folder")],
)
def test_a_share_that_the_scanner_cannot_write_ends_the_demonstration(tmp_path, monkeypatch, small_slide, code, what):
    def full(*_):
        yield SimpleNamespace(written=1)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("services.embedded.demo.scanner.deliver", full)
    engine = SimpleNamespace(
        orders=SimpleNamespace(host="", port=0), wait=time.sleep, worklist=SimpleNamespace(entries=list)
    )
    lis = SimpleNamespace(send_order=lambda *_, **__: SimpleNamespace(code="AA"))
    with pytest.raises(DemonstrationFailed, match=rf"cannot be written \({os.strerror(code)}\): {what}"):
        through_the_hospital(engine, lis, small_slide[0], tmp_path, Console(quiet=True))
