"""What the S3 server removes by itself, and what Frottis may do there."""

import json

from services.ingestion.settings import IngestionSettings
from services.kit.objects import PASSING
from tests.unit.deploy.promql import ROOT

S3 = ROOT / "deploy" / "s3"


def test_the_server_removes_nothing_but_what_is_marked_and_long_after_frottis_would_have():
    [rule] = json.loads((S3 / "lifecycle.json").read_text("utf-8"))["Rules"]
    assert rule["Status"] == "Enabled"
    assert {rule["Filter"]["Tag"]["Key"]: rule["Filter"]["Tag"]["Value"]} == PASSING
    assert set(rule["Filter"]) == {"Tag"}
    assert rule["Expiration"]["Days"] >= 4 * IngestionSettings.model_fields["keep_days"].default


def test_frottis_may_read_write_mark_list_and_remove_objects_and_nothing_else():
    statements = json.loads((S3 / "policy.json").read_text("utf-8"))["Statement"]
    allowed = {action for statement in statements for action in statement["Action"]}
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    assert allowed == {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"}
