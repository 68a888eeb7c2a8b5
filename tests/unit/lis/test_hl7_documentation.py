from pathlib import Path

from services.lis.settings import LisSettings

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "hl7-conformance.md").read_text(encoding="utf-8")


def test_every_setting_is_in_the_document():
    table = PAGE.split("## Settings")[1]
    assert not [name for name in LisSettings.model_fields if f"`{name.upper()}`" not in table]


def test_the_defaults_in_the_document_are_those_of_the_code():
    given = LisSettings.load(lis_host="lis", lis_port=2575)
    row = next(line for line in PAGE.splitlines() if line.startswith("| `LISTEN_IDLE_S`"))
    assert f"{given.listen_idle_s:.0f}, {given.listen_connections}, {given.message_bytes}" in row
    for line, values in (
        ("| `CONNECT_TIMEOUT_S`", (given.connect_timeout_s, given.ack_timeout_s)),
        ("| `RETRY_FIRST_S`", (given.retry_first_s, given.retry_longest_s)),
        ("| `KEEP_DAYS`", (given.keep_days,)),
    ):
        row = next(text for text in PAGE.splitlines() if text.startswith(line))
        assert ", ".join(f"{value:.0f}" for value in values) in row
