import json
import subprocess
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


@pytest.fixture
def bare_work_tree(tmp_path: Path) -> Path:
    there = tmp_path / "work"
    subprocess.run(["git", "init", "--quiet", str(there)], check=True)
    return there


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
        "severity": "error",
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
        f"{other}:1: Model one: declared 2 times, also in {model}:1; applied from neither (Duplicate)" in result.stdout
    )
    assert f"{model}:1: Model one: declared 2 times" in result.stdout


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


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
ACK = "apiVersion: sagemaker.services.k8s.aws/v1alpha1\nkind: TrainingJob\nmetadata: {name: a}\n"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        pytest.param(CONFIG_MAP, ":2: ConfigMap a: /kind: v1 ConfigMap is not synced; leave", id="another kind"),
        pytest.param(ACK, ":2: TrainingJob a: /kind: sagemaker.services", id="another group of SageMaker's"),
        pytest.param("just: data\n", ":1: not a Kubernetes object", id="no object at all"),
        pytest.param("kind: Model\n", ":1: Model: /apiVersion: apiVersion is required", id="no apiVersion"),
        pytest.param("# nothing\n", ":1: the file holds no object", id="an empty file"),
    ],
)
def test_what_a_sync_rejects_is_a_finding(tmp_path: Path, text: str, finding: str) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(text, encoding="utf-8")
    for asked in (file, tmp_path):
        result = run(asked)
        assert result.exit_code == 1
        assert f"{file}{finding}" in result.stdout


def test_other_kinds_are_passed_over_where_that_is_wanted(model: Path) -> None:
    model.with_name("config.yaml").write_text(CONFIG_MAP, encoding="utf-8")
    assert run(model.parent).exit_code == 1
    assert run(model.parent, "--other-kinds", "Ignore").exit_code == 0
    model.with_name("sync.yaml").write_text(SYNC + "  otherKinds: Ignore\n", encoding="utf-8")
    assert run(model.parent).exit_code == 0


@pytest.mark.parametrize("others", [[], ["--other-kinds", "Ignore"]])
def test_no_object_at_all_is_not_valid(tmp_path: Path, others: list[str]) -> None:
    (tmp_path / "README.md").write_text("# hi", encoding="utf-8")
    result = run(tmp_path, *others)
    assert result.exit_code == 1
    assert f"{tmp_path}:1: no object of this controller is here" in result.stdout
    assert result.stdout.rstrip().endswith("(EmptyRender)")


def test_a_file_that_an_ignore_rule_leaves_out_is_a_finding_when_it_is_named(model: Path) -> None:
    model.with_name(".sourceignore").write_text("model.yaml\n", encoding="utf-8")
    result = run(model)
    assert result.exit_code == 1
    assert result.stdout.rstrip().endswith("(Ignored)")


def test_one_that_a_directory_leaves_out_is_a_warning(model: Path) -> None:
    model.with_name("draft.yaml").write_text(MODEL.replace("one", "two"), encoding="utf-8")
    model.with_name(".sourceignore").write_text("draft.yaml\n", encoding="utf-8")
    result = run(model.parent)
    assert result.exit_code == 0
    assert "draft.yaml:1: warning: an ignore rule" in result.stderr
    assert "1 objects" in result.stderr


def sync(path: str = "./prod", **metadata: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "sagemaker-gitops.dev/v1alpha1",
            "kind": "GitSync",
            "metadata": {"name": "models", **metadata},
            "spec": {"repo": {"url": "https://git.example.com/a.git", "path": path}},
        }
    )


@pytest.mark.parametrize(
    ("namespace", "arguments", "code"),
    [
        pytest.param("team", [], 0, id="the namespace of the sync"),
        pytest.param("other", [], 1, id="another one"),
        pytest.param("other", ["--namespace", "other"], 0, id="the command's word goes first"),
    ],
)
def test_a_foreign_namespace_is_a_finding(model: Path, namespace: str, arguments: list[str], code: int) -> None:
    model.parent.joinpath("prod").mkdir()
    text = MODEL.replace("name: one", f"name: one\n  namespace: {namespace}")
    model.rename(model.parent / "prod" / "model.yaml").write_text(text, encoding="utf-8")
    (model.parent / "sync.yaml").write_text(sync(namespace="team"), encoding="utf-8")
    result = run(model.parent, *arguments)
    assert result.exit_code == code
    assert ("(ForeignNamespace)" in result.stdout) == bool(code)


def test_two_namespaces_in_one_directory_are_doubtful(model: Path) -> None:
    for name in ("a", "b"):
        text = MODEL.replace("name: one", f"name: one\n  namespace: {name}")
        model.with_name(f"{name}.yaml").write_text(text, encoding="utf-8")
    result = run(model.parent)
    assert result.exit_code == 0
    assert "b.yaml:5: warning: Model one: /metadata/namespace: a GitSync applies one namespace" in result.stderr


def test_a_sync_in_the_path_that_it_reads_is_a_finding(model: Path) -> None:
    model.with_name("sync.yaml").write_text(sync(path="."), encoding="utf-8")
    result = run(model.parent)
    assert result.exit_code == 1
    assert "a GitSync is not applied from Git" in result.stdout


@pytest.mark.parametrize(
    ("before", "after", "warning"),
    [
        pytest.param(
            "ml.c6i.large", "ml.c6i.lagre", 'did you mean "ml.c6i.large"? (UnknownValue)', id="an instance type"
        ),
        pytest.param("eu-west-1", "eu-wset-1", 'did you mean "eu-west-1"? (UnknownRegion)', id="a region"),
    ],
)
def test_what_botocore_does_not_know_is_a_warning(model: Path, before: str, after: str, warning: str) -> None:
    text = (EXAMPLES / "hostingdeployment.yaml").read_text(encoding="utf-8")
    assert before in text
    model.write_text(text.replace(before, after), encoding="utf-8")
    result = run(model)
    assert result.exit_code == 0
    assert warning in result.stderr
    found = json.loads(run(model, "-o", "json").stdout)
    assert found["valid"]
    assert {finding["severity"] for finding in found["findings"]} == {"warning"}


def test_two_policies_on_one_variant_are_a_finding(model: Path) -> None:
    text = (EXAMPLES / "hostingautoscalingpolicy.yaml").read_text(encoding="utf-8")
    model.write_text(text + "\n---\n" + text.replace("name: churn-api-scaling", "name: second"), encoding="utf-8")
    result = run(model)
    assert result.exit_code == 1
    assert "HostingAutoscalingPolicy second: /spec/resourceId/0: endpoint churn-api, variant main is" in result.stdout
    assert result.stdout.rstrip().endswith("(OwnedByAnother)")


def test_containers_of_an_old_manifest_have_a_hint(model: Path) -> None:
    manifest = yaml.safe_load((EXAMPLES / "hostingdeployment.yaml").read_text(encoding="utf-8"))
    manifest["spec"]["containers"] = manifest["spec"]["models"][0].pop("containers")
    model.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    assert "/spec/containers: unknown field; since v1 of the archived operator" in run(model).stdout


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


def overlay(directory: Path, *, name: str = "kustomization.yaml") -> Path:
    """A model and a patch of it."""
    patch = MODEL.partition("spec:")[0] + "spec: {region: eu-central-1}\n"
    (directory / "patch.yaml").write_text(patch, encoding="utf-8")
    text = "resources: [model.yaml]\npatches: [{path: patch.yaml}]\nnamePrefix: my-\n"
    (directory / name).write_text(text, encoding="utf-8")
    return directory


def test_a_kustomization_is_rendered_as_the_sync_does(model: Path) -> None:
    directory = overlay(model.parent)
    (directory / ".git").mkdir()
    (directory / ".git" / "x.yaml").write_text("a: [", encoding="utf-8")
    result = run(directory)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("1 objects")
    assert run(directory / "kustomization.yaml").exit_code == 0
    model.write_text(MODEL.replace("image:", "imagee:"), encoding="utf-8")
    assert f"{model}:9: Model my-one: /spec/primaryContainer/imagee" in run(directory).stdout


def test_kustomizations_below_are_rendered_and_their_bases_not_twice(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "model.yaml").write_text(MODEL, encoding="utf-8")
    overlay(tmp_path / "base")
    for cluster in ("prod", "staging"):
        (tmp_path / cluster).mkdir()
        (tmp_path / cluster / "kustomization.yaml").write_text("resources: [../base]\n", encoding="utf-8")
    result = run(tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("2 objects")


def test_a_kustomization_beside_plain_files_is_what_a_sync_rejects(model: Path) -> None:
    (model.parent / "over").mkdir()
    (model.parent / "over" / "model.yaml").write_text(MODEL.replace("one", "two"), encoding="utf-8")
    overlay(model.parent / "over").joinpath("patch.yaml").write_text(MODEL.replace("one", "two"), encoding="utf-8")
    assert "(NestedKustomization)" in run(model.parent).stdout


def test_what_git_ignores_is_not_read(model: Path, bare_work_tree: Path) -> None:
    (bare_work_tree / "model.yaml").write_text(MODEL, encoding="utf-8")
    (bare_work_tree / "build").mkdir()
    (bare_work_tree / "build" / "x.yaml").write_text("a: [", encoding="utf-8")
    assert run(bare_work_tree).exit_code == 1
    (bare_work_tree / ".gitignore").write_text("build/\n", encoding="utf-8")
    assert run(bare_work_tree).exit_code == 0


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
