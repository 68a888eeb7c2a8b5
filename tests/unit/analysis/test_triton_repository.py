"""The models as a Triton server is given them."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from services.analysis.errors import ModelUnusable
from services.analysis.models import MODELS, ModelRepository
from services.analysis.triton_config import Serving, described, descriptions_of, parse_config
from services.analysis.triton_repository import CONFIG, configurations, install, signature_of

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "deploy" / "triton" / "models"
PYTHON_MODEL = ROOT / "deploy" / "triton" / "python_model.py"


@pytest.fixture(scope="module")
def configs():
    return {name: parse_config(text) for name, text in configurations(COMMITTED).items()}


@pytest.fixture
def release(tmp_path):
    """A copy of the committed models whose erythrocyte model can be made another."""
    folder = tmp_path / "release"
    shutil.copytree(COMMITTED, folder, ignore=shutil.ignore_patterns(CONFIG))

    def change(**card):
        graph, path = folder / "erythrocytes" / "1" / "model.onnx", folder / "erythrocytes" / "model.yaml"
        graph.write_bytes(graph.read_bytes() + b"\x32\x03new")  # field 6 of ONNX's ModelProto: its documentation
        digest = hashlib.sha256(graph.read_bytes()).hexdigest()
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text("utf-8")), "sha256": digest, **card}), "utf-8")
        return folder

    change.folder = folder
    return change


def versions(target, name="erythrocytes"):
    return sorted(path.name for path in (target / name).iterdir() if path.is_dir())


@pytest.mark.parametrize("name", MODELS)
def test_a_configuration_says_what_the_graph_takes_and_gives(configs, name):
    config, signature = configs[name], signature_of(name, COMMITTED / name / "1" / "model.onnx")
    assert (config.name, config.backend) == (name, "onnxruntime")
    assert [(node.name, tuple(node.dims)) for node in config.input] == [(t.name, t.shape) for t in signature.inputs]
    items = [tuple(node.reshape.shape) if node.HasField("reshape") else tuple(node.dims) for node in config.output]
    assert items == [tensor.shape for tensor in signature.outputs]


@pytest.mark.parametrize("name", MODELS)
def test_a_configuration_batches_warms_and_keeps_two_versions(configs, name):
    config = configs[name]
    assert config.max_batch_size > 1
    # With a policy for the queue Triton looks at it every half second only (docs/decisions/0020).
    assert not config.dynamic_batching.HasField("default_queue_policy")
    assert [warmup.batch_size for warmup in config.model_warmup] == [1, config.max_batch_size]
    assert config.version_policy.latest.num_versions == 2
    assert [group.Kind.Name(group.kind) for group in config.instance_group] == ["KIND_AUTO"]


@pytest.mark.parametrize("name", MODELS)
def test_a_configuration_carries_the_description_of_its_weights(configs, name):
    assert described(configs[name], 1) == ModelRepository(COMMITTED).card(name)
    with pytest.raises(ModelUnusable, match="version 2 has no description"):
        described(configs[name], 2)


@pytest.mark.parametrize(("text", "complaint"), [("{", "Expecting"), ("{}", "sha256")])
def test_a_description_that_cannot_be_used_is_refused(configs, text, complaint):
    configs["detector"].parameters["card.7"].string_value = text
    with pytest.raises(ModelUnusable, match=complaint):
        described(configs["detector"], 7)


@pytest.mark.parametrize(("device", "kind"), [("gpu", "KIND_GPU"), ("cpu", "KIND_CPU")])
def test_a_server_can_be_given_one_kind_of_device(tmp_path, device, kind):
    install(COMMITTED, tmp_path, Serving(device=device, threads=3))
    config = parse_config((tmp_path / "detector" / CONFIG).read_text("utf-8"))
    assert [group.Kind.Name(group.kind) for group in config.instance_group] == [kind]
    assert config.parameters["intra_op_thread_count"].string_value == "3"


def test_new_weights_become_a_new_version_and_the_third_oldest_goes(tmp_path, release):
    target = tmp_path / "server"
    first = install(release.folder, target, Serving())
    assert first == install(release.folder, target, Serving()) == dict.fromkeys(MODELS, 1)
    assert install(release(version="2.0.0"), target, Serving())["erythrocytes"] == 2
    assert versions(target) == ["1", "2"]
    assert install(release(version="3.0.0"), target, Serving())["erythrocytes"] == 3
    assert versions(target) == ["2", "3"]
    config = parse_config((target / "erythrocytes" / CONFIG).read_text("utf-8"))
    assert [described(config, number).version for number in (2, 3)] == ["2.0.0", "3.0.0"]
    assert versions(target, "detector") == ["1"]


def test_the_same_weights_with_another_threshold_are_another_version(tmp_path, release):
    target = tmp_path / "server"
    install(release.folder, target, Serving())
    path = release.folder / "erythrocytes" / "model.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text("utf-8")), "distance": 99.0}), "utf-8")
    assert install(release.folder, target, Serving())["erythrocytes"] == 2


def test_an_installation_that_was_cut_off_is_completed(tmp_path, release):
    target = tmp_path / "server"
    install(release.folder, target, Serving())
    changed = release(version="2.0.0")
    install(changed, target, Serving())
    (target / "erythrocytes" / "2").rename(target / "erythrocytes" / "2.unfinished")
    (target / "erythrocytes" / "2.unfinished" / "model.onnx").write_bytes(b"half")
    assert install(changed, target, Serving())["erythrocytes"] == 2
    assert versions(target) == ["1", "2"]
    whole = (changed / "erythrocytes" / "1" / "model.onnx").read_bytes()
    assert (target / "erythrocytes" / "2" / "model.onnx").read_bytes() == whole


def test_the_python_backend_gets_its_program_beside_the_same_weights(tmp_path):
    install(COMMITTED, tmp_path, Serving(backend="python"), PYTHON_MODEL)
    for name in MODELS:
        assert parse_config((tmp_path / name / CONFIG).read_text("utf-8")).backend == "python"
        assert (tmp_path / name / "1" / "model.py").read_bytes() == PYTHON_MODEL.read_bytes()


def test_a_repository_that_is_no_configuration_is_left_alone(tmp_path):
    (tmp_path / "detector").mkdir()
    (tmp_path / "detector" / CONFIG).write_text("no { configuration", "utf-8")
    with pytest.raises(ModelUnusable, match="generate it again"):
        install(COMMITTED, tmp_path, Serving())


def test_descriptions_are_found_by_version(configs):
    assert list(descriptions_of(configs["leukocytes"])) == [1]


def test_the_script_finds_a_configuration_that_is_not_current(tmp_path):
    deploy = tmp_path / "triton"
    shutil.copytree(COMMITTED.parent, deploy)
    subprocess.run([sys.executable, deploy / "generate"], check=True)
    assert subprocess.run([sys.executable, deploy / "generate", "--check"]).returncode == 0
    config = deploy / "models" / "leukocytes" / CONFIG
    config.write_text(config.read_text("utf-8").replace("max_batch_size: 32", "max_batch_size: 33"), "utf-8")
    stale = subprocess.run([sys.executable, deploy / "generate", "--check"], capture_output=True, text=True)
    assert stale.returncode == 1
    assert "leukocytes" in stale.stderr
    assert "detector" not in stale.stderr
