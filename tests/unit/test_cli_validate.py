import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from reconciler.cli_crds import crds
from reconciler.cli_validate import validate
from tests.support.bad_manifests import EXAMPLES

MODEL = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: Model
metadata:
  name: one
spec:
  region: eu-west-1
  executionRoleArn: arn:aws:iam::111122223333:role/serving
  primaryContainer:
    image: image
"""


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(validate, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "model.yaml"
    file.write_text(MODEL, encoding="utf-8")
    return file


def test_valid_files_exit_0_and_say_how_many() -> None:
    result = run(EXAMPLES)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "valid" in result.stderr


@pytest.mark.holds("D-21.1")
def test_a_problem_exits_1_and_names_file_line_field_and_reason(model: Path) -> None:
    model.write_text(MODEL.replace("    image:", "    imagee:"), encoding="utf-8")
    result = run(model)
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"{model}:9: Model one: /spec/primaryContainer/imagee: unknown field")
    assert 'did you mean "image"?' in line
    assert line.endswith("(UnknownField)")


def test_json_says_the_same_for_machines(model: Path) -> None:
    model.write_text(MODEL.replace("region: eu-west-1", "region: 1"), encoding="utf-8")
    found = json.loads(run(model, "-o", "json").stdout)
    assert not found["valid"]
    (finding,) = found["findings"]
    assert finding == {
        "file": str(model),
        "line": 6,
        "kind": "Model",
        "name": "one",
        "path": "/spec/region",
        "reason": "FieldValueTypeInvalid",
        "message": 'must be a string, not an integer; put it in quotes: "..."',
    }


def test_standard_input_is_read(model: Path) -> None:
    assert run("-", stdin=MODEL).exit_code == 0
    assert "-:9: " in run("-", stdin=MODEL.replace("image:", "imagee:")).stdout


def test_a_missing_field_has_the_line_of_its_parent(model: Path) -> None:
    model.write_text(MODEL.replace("  region: eu-west-1\n", ""), encoding="utf-8")
    assert f"{model}:5: Model one: /spec/region: is required" in run(model).stdout


def test_a_yaml_error_has_its_line_and_hides_no_other_document(model: Path) -> None:
    model.write_text(MODEL.replace("region", "regio") + "---\na: [\n", encoding="utf-8")
    reasons = [line.rpartition("(")[2] for line in run(model).stdout.splitlines()]
    assert reasons == ["FieldValueRequired)", "UnknownField)", "InvalidYAML)"]


def test_an_object_in_two_files_of_a_directory_is_a_finding(model: Path) -> None:
    other = model.with_name("other.yaml")
    other.write_text(MODEL, encoding="utf-8")
    result = run(model.parent)
    assert result.exit_code == 1
    assert (
        f"{other}:4: Model one: /metadata/name: the same object stands in {model}:1 (DuplicateObject)" in result.stdout
    )


def test_an_object_of_the_same_name_in_another_namespace_is_another_object(model: Path) -> None:
    model.with_name("other.yaml").write_text(MODEL.replace("name: one", "name: one\n  namespace: b"), encoding="utf-8")
    assert run(model.parent).exit_code == 0


def test_two_directories_are_two_clusters(tmp_path: Path) -> None:
    for name in ("prod", "staging"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.yaml").write_text(MODEL, encoding="utf-8")
    assert run(tmp_path / "prod", tmp_path / "staging").exit_code == 0


def test_a_file_named_twice_is_read_once(model: Path) -> None:
    assert run(model, model, model.parent).exit_code == 0


def test_a_kind_nobody_has_is_a_finding_with_the_likely_one(model: Path) -> None:
    model.write_text(MODEL.replace("kind: Model", "kind: Modell"), encoding="utf-8")
    assert '/kind: sagemaker.aws.amazon.com has no kind Modell; did you mean "Model"?' in run(model).stdout


def test_a_version_nobody_serves_is_a_finding(model: Path) -> None:
    model.write_text(MODEL.replace("amazon.com/v1", "amazon.com/v2"), encoding="utf-8")
    assert ":1: Model one: /apiVersion:" in run(model).stdout


def test_kinds_of_others_are_ignored_and_said_so_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\njust: data\n", encoding="utf-8")
    quiet, loud = run(file), run(file, "-v")
    assert quiet.exit_code == loud.exit_code == 0
    assert "ConfigMap" not in quiet.stderr
    assert f"note: {file}:1: ConfigMap of v1 is not ours; ignored" in loud.stderr
    assert f"note: {file}:5: no Kubernetes object; ignored" in loud.stderr


def test_items_of_a_list_are_judged_where_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    item = "".join(f"  {line}\n" for line in MODEL.replace("image:", "imagee:").splitlines())
    file.write_text(f"apiVersion: v1\nkind: List\nitems:\n- \n{item}", encoding="utf-8")
    assert f"{file}:13: Model one: /spec/primaryContainer/imagee" in run(file).stdout


def test_nulls_mean_not_set(model: Path) -> None:
    model.write_text(MODEL + "  tags:\n  vpcConfig: null\n", encoding="utf-8")
    assert run(model).exit_code == 0


@pytest.mark.holds("D-11.2")
def test_what_becomes_a_status_error_is_a_finding(tmp_path: Path) -> None:
    manifest = yaml.safe_load((EXAMPLES / "hostingdeployment.yaml").read_text(encoding="utf-8"))
    manifest["spec"]["productionVariants"][0]["modelName"] = "other"
    file = tmp_path / "hosting.yaml"
    file.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    assert (
        "/spec/productionVariants/0/modelName: names no entry of spec.models (there: churn) (UnknownModel)"
        in run(file).stdout
    )


def test_what_sagemaker_requires_is_a_finding(model: Path) -> None:
    manifest = yaml.safe_load((EXAMPLES / "processingjob.yaml").read_text(encoding="utf-8"))
    del manifest["spec"]["appSpecification"]["imageUri"]
    model.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    assert "/spec/appSpecification/imageUri: is required by SageMaker" in run(model).stdout


SYNC = (EXAMPLES / "gitsync.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("account", "code"),
    [
        pytest.param("${ACCOUNT_ID}", 0, id="a declared variable is filled in"),
        pytest.param("${ACCOUNT}", 1, id="an undeclared one is a finding"),
    ],
)
def test_variables_of_a_sync_among_the_files(model: Path, account: str, code: int) -> None:
    model.write_text(MODEL.replace("111122223333", account), encoding="utf-8")
    model.with_name("sync.yaml").write_text(SYNC, encoding="utf-8")
    assert run(model.parent).exit_code == code


def test_patches_of_kustomize_and_hidden_files_are_not_manifests(model: Path) -> None:
    directory = model.parent
    (directory / ".git").mkdir()
    (directory / ".git" / "x.yaml").write_text("a: [", encoding="utf-8")
    (directory / "patch.yaml").write_text(MODEL.partition("spec:")[0] + "spec: {region: x}\n", encoding="utf-8")
    kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches: [{path: patch.yaml}]\n"
    (directory / "kustomization.yaml").write_text(kustomization, encoding="utf-8")
    result = run(directory, "-v")
    assert result.exit_code == 0
    assert "patch.yaml: a kustomize patch; ignored" in result.stderr


def test_a_secret_is_not_printed(model: Path) -> None:
    secret = "hunter2" * 200
    model.write_text(MODEL + f"    environment:\n    - name: PASSWORD\n      value: {secret}\n", encoding="utf-8")
    result = run(model)
    assert "/spec/primaryContainer/environment/0/value" in result.stdout
    assert "hunter2" not in result.output


def test_text_of_a_manifest_cannot_steer_the_terminal(model: Path) -> None:
    model.write_text(MODEL.replace("region:", '"re\\e[31mgion":'), encoding="utf-8")
    assert "\x1b" not in run(model).output


def test_a_path_that_is_not_there_is_a_usage_error() -> None:
    assert run("/no/such/file").exit_code == 2
    assert run().exit_code == 2


def test_crds_are_printed_written_and_checked(tmp_path: Path) -> None:
    printed = CliRunner().invoke(crds)
    assert [body["kind"] for body in yaml.safe_load_all(printed.stdout)] == ["CustomResourceDefinition"] * 9
    assert CliRunner().invoke(crds, ["--output", str(tmp_path)]).exit_code == 0
    assert CliRunner().invoke(crds, ["--check", str(tmp_path)]).exit_code == 0
    (tmp_path / "models.sagemaker.aws.amazon.com.yaml").write_text("old", encoding="utf-8")
    stale = CliRunner().invoke(crds, ["--check", str(tmp_path)])
    assert stale.exit_code == 1
    assert "models.sagemaker.aws.amazon.com.yaml" in stale.stderr
