"""A report as JSON for programs."""

import json

import pytest

from services.embedded.worklist import report_json
from services.kit.contracts import Measure, Report
from services.kit.objects import ObjectMissing, Objects

MEASURES = [Measure(name="differential.blast", numerator=2, denominator=200), Measure(name="platelets.clumps")]


def test_every_measure_is_printed_with_the_ids_of_its_cells():
    objects = Objects.in_memory()
    cells = {"differential.blast": ["b1", "b2"], "platelets.clumps": []}
    uri = objects.put("slides/s1/reports/r1/measures.json", json.dumps(cells).encode())
    blasts, clumps = report_json(Report(measures=MEASURES, evidence_uri=uri), objects)["measures"]
    assert (blasts["cell_ids"], blasts["numerator"]) == (["b1", "b2"], 2)
    assert clumps["cell_ids"] == []


def test_a_notice_has_no_measures_and_no_cells():
    assert report_json(Report(report_id="r1"), Objects.in_memory())["measures"] == []


def test_cells_that_were_removed_are_told():
    report = Report(measures=MEASURES, evidence_uri="object:///slides/s1/reports/r1/measures.json")
    with pytest.raises(ObjectMissing, match="expired"):
        report_json(report, Objects.in_memory())
