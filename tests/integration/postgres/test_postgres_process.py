"""A whole process over the server, by its settings alone."""

from services.embedded.worklist import open_worklist
from services.kit.process import Process, ProcessSettings
from services.review import wiring as review_service
from services.review.worklist import Worklist
from tests.unit.review.test_worklist import scan


def test_a_process_keeps_its_state_where_the_settings_say(review, postgres, tmp_path, monkeypatch):
    for name, value in postgres.environment("frottis_review").items():
        monkeypatch.setenv(name, value)
    process = Process(ProcessSettings.load(state=tmp_path), {"review": review_service.build})
    process.start()
    try:
        assert process._databases.problem() is None
    finally:
        process.close()
    Worklist(review.open()).record_scan(scan())
    with open_worklist(tmp_path) as worklist:
        assert [entry.scan for entry in worklist.entries()] == ["a.vsi"]
    assert not list(tmp_path.glob("review.db*"))
