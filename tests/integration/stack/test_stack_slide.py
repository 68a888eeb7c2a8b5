"""A slide's way through the production engine: the same answer as the embedded one, and its patient nowhere else."""

import json
import math
from urllib.request import urlopen

import pytest
from psycopg.sql import SQL, Identifier

from services.embedded.assembly import Address
from services.embedded.demo import embedded
from services.embedded.worklist import report_json
from services.kit.tracing.identity import ids, root_of
from services.review.states import State
from services.simulator.lis import LisSimulator, Patient
from stack.postgres import ADMINISTRATOR
from tests.collector import assert_whole
from tests.e2e.hospital import LIMIT_S, put

SPECIMEN = "A1234"
# Rare enough to stand nowhere by chance.
PATIENT = Patient("FICTQ77130942", "Qxbrandtz", "Zjohanszk", "19800101", "F")
PIECES = [piece.encode() for piece in (PATIENT.identifier, PATIENT.family, PATIENT.given)]
P95 = "histogram_quantile(0.95, sum by (le) (increase(frottis_scan_to_acknowledged_seconds_bucket[10m])))"


def through(engine, lis, share, slide):
    """The report and the cells of the slide, once the LIS has answered."""
    to = (engine.orders.host, engine.orders.port)
    assert lis.send_order(to, SPECIMEN, placer="ORDER-1", patient=PATIENT).code == "AA"
    name = put(slide, share)
    while True:
        engine.wait(0.2)
        entry = next((entry for entry in engine.worklist.entries() if entry.scan == name), None)
        if entry and entry.standing.state.ended and entry.delivered:
            break
    assert entry.standing.state is State.ACKNOWLEDGED, entry.standing.text
    report = report_json(engine.worklist.report(entry.slide_id), engine.objects)
    cells = [json.loads(line) for line in engine.objects.get(report["cells_uri"]).splitlines()]
    return report, {cell["cell_id"]: cell for tile in cells for cell in tile["cells"]}


@pytest.fixture(scope="module")
def read(hospital, small_slide):
    """The slide was read by the stack."""
    return through(hospital.engine, hospital.lis, hospital.share, small_slide[0])


def test_the_stack_reports_what_the_embedded_engine_reports(read, hospital, small_slide, tmp_path):
    share = tmp_path / "share"
    share.mkdir()
    with LisSimulator() as lis, embedded(tmp_path / "state", share, Address(*lis.address)) as engine:
        alone, alone_cells = through(engine, lis, share, small_slide[0])
    report, cells = read
    assert len(cells) > 300
    assert {name: cell["label"] for name, cell in cells.items()} == {n: c["label"] for n, c in alone_cells.items()}
    for name, cell in cells.items():
        assert cell["probabilities"] == pytest.approx(alone_cells[name]["probabilities"], abs=1e-4)
    for part in ("decision", "measures", "findings", "limitations", "fields", "models", "rules_version", "targets"):
        assert report[part] == alone[part], part
    assert hospital.lis.record.effective() == lis.record.effective() == {"ORDER-1": 1}


def test_prometheus_answers_how_long_reports_take(read, hospital):
    while True:
        series = hospital.deployment.prometheus.query(P95)
        if series and not math.isnan(float(series[0]["value"][1])):
            break
        hospital.engine.wait(0.5)
    assert 0 < float(series[0]["value"][1]) < 1800
    up = hospital.deployment.prometheus.query("up")
    assert {one["metric"]["job"]: one["value"][1] for one in up} == dict.fromkeys(
        [*hospital.deployment.services, "triton"], "1"
    )


def test_the_slide_is_one_trace_through_every_process_and_kafka(read, hospital):
    report, _ = read
    slide_id = report["slide"]["slide_id"]
    trace_id = ids(root_of(slide_id))[0]
    spans = hospital.traces.wait_for(whole, LIMIT_S)
    assert {span.trace_id for span in spans} == {trace_id}
    assert_whole(spans, slide_id)
    handled = [span.attributes for span in spans if span.name.startswith("process ")]
    assert {facts["messaging.system"] for facts in handled} == {"kafka"}
    assert len({facts["messaging.destination.partition.id"] for facts in handled}) > 1
    assert len({facts["messaging.kafka.offset"] for facts in handled}) > 1
    assert {facts["messaging.destination.name"] for facts in handled} >= {"scans", "tiles", "cells", "reports"}
    assert {span.attributes["frottis.version"] for span in spans if span.name == "infer"} == {"1"}


def whole(spans):
    """The root has come, and the parent of every span."""
    known = {span.span_id for span in spans}
    return any(not span.parent_id for span in spans) and all(span.parent_id in known | {""} for span in spans)


def test_the_patient_is_in_no_topic_log_metric_trace_or_object_and_in_the_tables_of_the_lis_service_alone(
    read, hospital
):
    deployment = hospital.deployment
    files = [path for path in deployment.folder.rglob("*") if path.is_file()]
    searched = [path for path in files if not path.is_relative_to(deployment.servers.postgres.folder)]
    told = {str(path): str(path).encode() + path.read_bytes() for path in searched}
    for name, service in deployment.services.items():
        with urlopen(f"http://127.0.0.1:{service.operations_port}/metrics") as answer:
            told[f"metrics of {name}"] = answer.read()
    told["traces"] = b"".join(hospital.traces.raw)
    # Topics, objects and logs are there to be searched: the specimen's number may stand in messages.
    for kind in ("/orders-", "/reports-", "/cells-", "/objects/", "lis-1.log"):
        assert any(kind in name for name in told), kind
    assert any("/orders-" in name and SPECIMEN.encode() in content for name, content in told.items())
    assert [name for name, content in told.items() if any(piece in content for piece in PIECES)] == []
    rows = {service: _rows(deployment.servers.postgres, service) for service in deployment.services}
    named = [service for service, content in rows.items() if any(piece in content for piece in PIECES)]
    assert named == ["lis"]


def _rows(postgres, service):
    """Everything in the service's tables, as bytes."""
    found = []
    with postgres.connect(ADMINISTRATOR) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", [service]
        )
        for (table,) in tables.fetchall():
            for row in connection.execute(SQL("SELECT * FROM {}").format(Identifier(service, table))):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(found)
