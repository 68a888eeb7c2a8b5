import json
import shutil
import signal
import subprocess
import sys

import pytest

from services.kit.lock import locked


def frottis(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "services.embedded", *map(str, arguments)], capture_output=True, text=True
    )


RUN = ["run", "--share", ".", "--lis", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--until-idle"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--help"], 0, "Exit codes"),
        (["run", "--share", "/x"], 2, "--state"),
        (["run", "--share", "S", "--state", "T", "--lis", "nowhere", "--listen", "127.0.0.1:0"], 2, "no address"),
        (["status", "--state", "missing"], 4, "holds no state"),
        (["report", "X", "--state", "missing"], 4, "holds no state"),
        (["dead-letters", "list", "--state", "missing"], 4, "holds no state"),
        (["dead-letters", "replay", "--state", "missing"], 2, "--all"),
        (["status", "--state", "/dev/null"], 4, "holds no state"),
        (["report", "X", "--state", "/proc/none"], 4, "holds no state"),
        ([*RUN, "--state", "/dev/null"], 2, "cannot be written (Not a directory): give another folder with --state"),
        ([*RUN, "--state", "/proc/none"], 2, "cannot be written (No such file or directory): give another folder"),
        (["slide", "missing.vsi"], 3, "missing.vsi: cannot be opened (No such file or directory). Check the name"),
        (["slide", "."], 3, "is a folder, not a file. Name the scan's own file"),
        (
            ["analyse", "missing.png", "--out", "o.jsonl", "--um-per-px", "0.137"],
            3,
            "no such file or folder: check its name",
        ),
        (["analyse", "missing.png", "--out", "o.jsonl"], 2, "--um-per-px"),
        (["analyse", "missing.png", "--out", "o.jsonl", "--um-per-px", "5"], 2, "is not between 0.02 and 1.0"),
        (["analyse", "missing.vsi", "--out", "o.jsonl"], 3, "Check the name"),
        (["analyse", "s.vsi", "--out", "o.jsonl", "--cell", "leukocyte"], 2, "not for slides"),
        (["demo", "--out", "/proc/none"], 3, "cannot be written (No such file or directory): give another folder with"),
        (["demo", "--out", "/dev/null"], 3, "cannot be written (Not a directory): give another folder with --out"),
        (["evaluate", "leukocytes", "--data", ".", "--um-per-px", "0.1"], 3, "labels.csv"),
        (["evaluate", "detector", "--data", ".", "--um-per-px", "0.1"], 3, "labels.json"),
        (["evaluate", "thrombocytes", "--data", ".", "--um-per-px", "0.1"], 2, "thrombocytes"),
    ],
)
def test_errors_are_a_sentence_and_a_code_never_a_traceback(tmp_path, monkeypatch, arguments, code, told):
    monkeypatch.chdir(tmp_path)
    ended = frottis(*arguments)
    assert (ended.returncode, told in ended.stdout + ended.stderr) == (code, True), ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.glob("o.jsonl*"))


@pytest.mark.parametrize("name", ["gone.vsi", "gone.png"])
def test_what_cannot_be_read_leaves_the_cells_of_an_earlier_run(tmp_path, name):
    out = tmp_path / "cells.jsonl"
    out.write_text("{}\n")
    assert frottis("analyse", tmp_path / name, "--out", out, "--um-per-px", "0.137").returncode == 3
    assert [out.read_text(), list(tmp_path.iterdir())] == ["{}\n", [out]]


@pytest.mark.parametrize(
    ("read", "out"),
    [
        ("p/a.png", "p/a.png"),
        ("p", "p/a.png"),
        ("p", "p/../p/a.png"),
        ("p/a.png", "link.png"),
        ("p/a.png.part", "p/a.png"),
        ("s.vsi", "s.vsi"),
        ("s.vsi", "_s_/stack1/frame_t.ets"),
    ],
)
def test_what_is_read_is_not_written_over(tmp_path, read, out):
    kept = {name: tmp_path / name for name in ("p/a.png", "p/a.png.part", "s.vsi", "_s_/stack1/frame_t.ets")}
    for name, path in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "link.png").symlink_to("p/a.png")
    ended = frottis("analyse", tmp_path / read, "--out", tmp_path / out, "--um-per-px", "0.137")
    assert (ended.returncode, "would be written over" in ended.stderr) == (2, True), ended.stderr
    assert {name: path.read_text() for name, path in kept.items()} == {name: name for name in kept}


def test_an_earlier_result_beside_the_images_may_be_written_over(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    (tmp_path / "cells.jsonl").write_text("earlier")
    ended = frottis("analyse", tmp_path, "--out", tmp_path / "cells.jsonl", "--um-per-px", "0.137")
    assert (ended.returncode, (tmp_path / "cells.jsonl").read_text()) == (3, ""), ended.stderr


@pytest.mark.parametrize("pattern", ["[", "a{99999999999}"])
def test_a_pattern_that_is_none_is_refused_at_the_start(tmp_path, monkeypatch, pattern):
    (tmp_path / "share").mkdir()
    monkeypatch.setenv("FROTTIS_INGESTION_SPECIMEN_PATTERN", pattern)
    run = ["run", "--share", tmp_path / "share", "--state", tmp_path / "state"]
    refused = frottis(*run, "--lis", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--until-idle")
    assert refused.returncode == 2
    assert "FROTTIS_INGESTION_SPECIMEN_PATTERN" in refused.stderr
    assert "is no regular expression" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_service_beside_a_run_on_the_same_state_folder_is_refused(tmp_path):
    """And so is a run beside a service; commands that only read are not."""
    (tmp_path / "share").mkdir()
    run = ["run", "--share", tmp_path / "share", "--state", tmp_path / "state"]
    run += ["--lis", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--until-idle"]
    with locked(tmp_path / "state", ["review"]):
        refused = frottis(*run)
        assert (refused.returncode, "another Frottis runs review" in refused.stderr) == (5, True), refused.stderr
    assert frottis(*run).returncode == 0
    with locked(tmp_path / "state", ["lis", "review", "reasoning", "analysis", "ingestion"]):
        assert frottis("status", "--state", tmp_path / "state").returncode == 0
        assert frottis("dead-letters", "list", "--state", tmp_path / "state").returncode == 0


def test_who_waits_until_idle_is_told_for_what_once_and_may_interrupt(tmp_path):
    (tmp_path / "share" / "_half\x1b[31m_" / "stack10001").mkdir(parents=True)
    run = ["run", "--share", tmp_path / "share", "--state", tmp_path / "state"]
    run += ["--lis", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--until-idle"]
    started = [sys.executable, "-m", "services.embedded", *map(str, run)]
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True) as running:
        told = []
        for line in running.stderr:
            told.append(line)
            if r"half\x1b[31m.vsi: waiting (half\x1b[31m.vsi: is not there" in line:
                running.send_signal(signal.SIGINT)
                break
        told += running.stderr
    assert running.returncode == 130
    assert sum(".vsi: waiting" in line for line in told) == 1
    assert not any("\x1b" in line for line in told)
    assert not any("Traceback" in line for line in told)


def test_a_slide_tells_what_is_in_it(small_slide):
    told = json.loads(frottis("slide", small_slide[0], "--json").stdout)
    assert (told["barcode"], told["um_per_px"], told["complete"]) == ("A1234", 0.137, True)


def test_a_half_copied_slide_says_what_is_missing(small_slide, tmp_path):
    (tmp_path / "half.vsi").write_bytes(small_slide[0].read_bytes())
    ended = frottis("slide", tmp_path / "half.vsi")
    assert ended.returncode == 3
    assert "stack10001" in ended.stderr or "_half_" in ended.stderr


def test_a_slide_whose_space_is_reserved_and_not_yet_written_ends_as_a_short_one_does(small_slide, tmp_path):
    vsi = tmp_path / small_slide[0].name
    shutil.copy(small_slide[0], vsi)
    shutil.copytree(small_slide[0].with_name(f"_{vsi.stem}_"), tmp_path / f"_{vsi.stem}_")
    pixels = tmp_path / f"_{vsi.stem}_" / "stack10001" / "frame_t.ets"
    content = pixels.read_bytes()
    start = len(content) // 3
    pixels.write_bytes(content[:start] + bytes(len(content) // 3) + content[start + len(content) // 3 :])
    ended = frottis("slide", vsi, "--json")
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["complete"]) == (3, False)
    assert "has not been written yet" in told["missing"]
    pixels.write_bytes(content[:-1])
    assert frottis("slide", vsi).returncode == 3
