"""Files to manifests: what is read, what is refused, where the finger points, and what that means for pruning."""

from collections.abc import Mapping, Sequence

import pytest

from reconciler.core.manifests.parse import Manifest, ParsedFile, ParseOptions, Rejection, parse_file
from reconciler.core.manifests.yaml_lines import Limits
from reconciler.core.schema.problems import Problem

JOB = "TrainingJob"
V1 = "sagemaker.aws.amazon.com/v1"
OPTIONS = ParseOptions("team", {JOB: V1, "Model": V1})


def accept(_: Manifest) -> Sequence[Problem]:
    return ()


def parse(text: str | bytes, **substitute: str) -> ParsedFile:
    data = text.encode() if isinstance(text, str) else text
    options = ParseOptions("team", OPTIONS.kinds, substitute)
    return parse_file("jobs/a.yaml", data, options, accept, blob="b1")


def job(name: str = "a", spec: str = "{region: eu-west-1}", metadata: str = "") -> str:
    return f"apiVersion: {V1}\nkind: {JOB}\nmetadata:\n  name: {name}\n{metadata}spec: {spec}\n"


@pytest.mark.holds("D-11.6")
def test_a_manifest_is_what_will_be_applied() -> None:
    text = (
        job(spec="{region: x, tags: null, list: [1, null, {a: null}]}", metadata="  uid: '1'\n  labels: {a: b}\n")
        + "status: {x: 1}\n"
    )
    (manifest,) = parse(text).manifests
    assert (manifest.kind, manifest.namespace, manifest.name, manifest.blob) == (JOB, "team", "a", "b1")
    assert manifest.value == {
        "apiVersion": V1,
        "kind": JOB,
        "metadata": {"name": "a", "namespace": "team", "labels": {"a": "b"}},
        "spec": {"region": "x", "list": [1, {}]},
    }


def test_lines_are_of_the_file_and_not_of_the_document() -> None:
    first, second = parse(job() + "---\n" + job("b", "\n  region: x\n  deep: {er: 1}")).manifests
    assert (first.line, second.line) == (1, 7)
    assert second.line_of("/spec/deep/er") == 13
    assert second.line_of("/spec/missing") == 11


def test_what_the_sync_writes_cannot_be_forged() -> None:
    annotations = "  annotations: {sagemaker-gitops.dev/owner: x, sagemaker-gitops.dev/applied-hash: y, sagemaker-gitops.dev/drift-mode: Warn}\n"
    (manifest,) = parse(job(metadata=annotations)).manifests
    assert manifest.value["metadata"]["annotations"] == {"sagemaker-gitops.dev/drift-mode": "Warn"}


def test_a_list_is_its_items() -> None:
    text = f"apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: {V1}, kind: {JOB}, metadata: {{name: a}}}}\n- {{kind: Nonsense}}\n"
    parsed = parse(text)
    assert [(m.name, m.line) for m in parsed.manifests] == [("a", 4)]
    assert [(r.line, r.reason) for r in parsed.rejections] == [(5, "NotAManifest")]


@pytest.mark.holds("D-11.6")
@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        pytest.param("", "NotAManifest", 1, id="an empty file"),
        pytest.param("# only a comment\n", "NotAManifest", 1, id="a comment alone"),
        pytest.param("a: 1\n", "NotAManifest", 1, id="values of a chart are no object"),
        pytest.param("- 1\n", "NotAManifest", 1, id="a list is no object"),
        pytest.param("a: [1\nb: 2\n", "InvalidYAML", 2, id="a syntax error hides objects"),
        pytest.param(b"kind: a\0b\n", "InvalidYAML", 1, id="NUL bytes"),
        pytest.param(b"kind: \xff\xfe\n", "InvalidYAML", 1, id="not UTF-8"),
        pytest.param("kind: !!python/object:os.system x\n", "InvalidYAML", 1, id="a tag that makes objects"),
        pytest.param("a: " + "[" * 5000, "InvalidYAML", 1, id="deep nesting"),
        pytest.param(job().replace(JOB, "GitSync"), "KindNotAllowed", 2, id="a repository gives itself no rights"),
        pytest.param("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n", "KindNotAllowed", 2, id="foreign kinds"),
        pytest.param(job().replace(JOB, "TrainingJbo"), "KindNotAllowed", 2, id="a misspelt kind"),
        pytest.param(job().replace("/v1", "/v2"), "KindNotAllowed", 1, id="an unknown version is held by its name"),
        pytest.param(job(metadata="  namespace: kube-system\n"), "ForeignNamespace", 5, id="another namespace"),
        pytest.param(job("''", metadata="  generateName: x-\n"), "InvalidMetadata", 5, id="generateName"),
        pytest.param(job("123"), "InvalidMetadata", 4, id="a name that YAML reads as a number"),
        pytest.param(job("../../etc"), "InvalidMetadata", 4, id="a name that is a path"),
        pytest.param(job("a..b"), "InvalidMetadata", 4, id="an empty part in a name"),
        pytest.param(job("x" * 254), "InvalidMetadata", 4, id="a long name"),
        pytest.param(job(metadata="  annotations: {a: 1}\n"), "InvalidMetadata", 5, id="an annotation that is a number"),
        pytest.param(job(metadata="  lables: {a: b}\n"), "UnknownField", 5, id="a misspelt field of metadata"),
        pytest.param(job() + "sepc: {}\n", "UnknownField", 6, id="a misspelt field at the top"),
        pytest.param(f"apiVersion: {V1}\nkind: {JOB}\n", "InvalidMetadata", 1, id="no metadata"),
    ],
)  # fmt: skip
def test_refused(text: str | bytes, reason: str, line: int) -> None:
    parsed = parse(text)
    assert not parsed.manifests
    assert [(r.path, r.line, r.reason) for r in parsed.rejections] == [("jobs/a.yaml", line, reason)]


def test_a_long_message_is_cut_and_not_broken() -> None:
    words = "a-word-of-twenty-one " * 40
    (message,) = {Rejection.of("a.yaml", 1, "X", text).message for text in (words, words.replace(" ", "\n"))}
    assert message == words[:300]


def test_a_refused_object_is_held_so_that_it_is_not_pruned() -> None:
    parsed = parse(job(metadata="  namespace: other\n"))
    assert parsed.refused == {(JOB, "a")}


@pytest.mark.holds("D-19.2")
def test_good_objects_beside_bad_ones_are_kept() -> None:
    parsed = parse(job("good") + "---\nkind: 1\n---\n" + job("fine") + "---\n: : [\n")
    assert [m.name for m in parsed.manifests] == ["good", "fine"]
    assert [r.reason for r in parsed.rejections] == ["NotAManifest", "InvalidYAML"]


@pytest.mark.holds("D-14.2")
def test_an_alias_bomb_is_a_rejection() -> None:
    layers = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10))
    (rejection,) = parse(f"l0: &l0 [x]\n{layers}\n").rejections
    assert rejection.reason == "InvalidYAML"


def test_ten_thousand_documents_are_bounded() -> None:
    parsed = parse("---\na: 1\n" * 10_000)
    assert len(parsed.rejections) <= 100
    assert parsed.rejected == Limits().documents + 1


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        pytest.param("arn:${ACCOUNT_ID}:x", {"ACCOUNT_ID": "12"}, "arn:12:x", id="declared"),
        pytest.param("${A}${B}", {"A": "${B}", "B": "2"}, "${B}2", id="what was filled in is not read again"),
        pytest.param("$${A} $A", {"A": "1"}, "${A} $A", id="escaped, and not our form"),
        pytest.param("${A}", {"A": "x: [1]\n- &b"}, "x: [1]\n- &b", id="a value brings no YAML"),
        pytest.param("${HOME}", {}, "${HOME}", id="nothing declared, nothing touched"),
    ],
)
def test_substitution(text: str, values: Mapping[str, str], result: str) -> None:
    (manifest,) = parse(job(spec=f"{{role: '{text}'}}"), **values).manifests
    assert manifest.value["spec"] == {"role": result}


@pytest.mark.parametrize("text", ["${REGION}", "${A:-b}", "${}", "${1A}", "${A }"])
def test_a_place_that_cannot_be_filled_is_named(text: str) -> None:
    parsed = parse(job(spec=f"\n  ok: 1\n  role: '{text}'"), A="1")
    (rejection,) = parsed.rejections
    assert (rejection.reason, rejection.line, rejection.name) == ("UndeclaredVariable", 7, "a")
    assert text in rejection.message
    assert parsed.refused == {(JOB, "a")}


def test_substitution_does_not_explode() -> None:
    (rejection,) = parse(job(spec="{a: '" + "${A}" * 10_000 + "'}"), A="x" * 10_000).rejections
    assert rejection.reason == "UndeclaredVariable"


def test_problems_of_the_schema_carry_their_line_and_field() -> None:
    def validate(_: Manifest) -> Sequence[Problem]:
        return [
            Problem("/spec/region", "InvalidField", "no such region\x1b[31m"),
            Problem("/spec/none", "Required", "missing"),
        ]

    parsed = parse_file("a.yaml", job(spec="\n  x: 1\n  region: moon").encode(), OPTIONS, validate)
    assert [(r.line, r.reason, r.message) for r in parsed.rejections] == [
        (7, "InvalidField", "/spec/region: no such region[31m"),
        (5, "Required", "/spec/none: missing"),
    ]
    assert not parsed.manifests
    assert parsed.refused == {(JOB, "a")}


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"
ACK = "apiVersion: sagemaker.services.k8s.aws/v1alpha1\nkind: TrainingJob\nmetadata: {name: theirs}\n"
HELM = 'metadata:\n  name: {{ .Release.Name }}-{{ include "x" . }}\n  {{- if .Values.labels }}\n'


@pytest.mark.parametrize(
    ("text", "rejected", "ignored"),
    [
        pytest.param(CONFIG_MAP, ["KindNotAllowed"], [], id="an object of another group"),
        pytest.param(ACK, ["KindNotAllowed"], [], id="a kind of ours by name in another group"),
        pytest.param("replicas: 2\n", ["NotAManifest"], [], id="values of a chart"),
        pytest.param(HELM, ["InvalidYAML"], [], id="a template of Helm's"),
        pytest.param(f"apiVersion: {V1}\n" + HELM, ["InvalidYAML"], ["InvalidYAML"], id="a template that may be ours"),
        pytest.param(f"kind: {JOB}\n", ["NotAManifest"], ["NotAManifest"], id="our kind without an apiVersion"),
        pytest.param(job().replace(JOB, "Trainign"), ["KindNotAllowed"], ["KindNotAllowed"], id="our group, misspelt"),
        pytest.param(job().replace(JOB, "GitSync"), ["KindNotAllowed"], ["KindNotAllowed"], id="a GitSync"),
        pytest.param("# nothing\n", ["NotAManifest"], ["NotAManifest"], id="a file that was emptied"),
        pytest.param("kind: [\n", ["InvalidYAML"], ["InvalidYAML"], id="what nobody can read"),
    ],
)
def test_other_kinds_are_rejected_or_ignored_as_the_sync_says(
    text: str, rejected: list[str], ignored: list[str]
) -> None:
    for ignore, reasons in ((False, rejected), (True, ignored)):
        options = ParseOptions("team", OPTIONS.kinds, ignore_others=ignore)
        parsed = parse_file("a.yaml", text.encode(), options, accept)
        assert [fault.reason for fault in parsed.rejections] == reasons
        assert not parsed.manifests


@pytest.mark.parametrize("text", [CONFIG_MAP, ACK, "replicas: 2\n", HELM])
def test_the_way_out_of_a_foreign_file_is_named(text: str) -> None:
    (fault,) = parse(text).rejections
    assert ".sourceignore" in fault.message
    assert "spec.otherKinds" in fault.message


def test_a_fault_in_a_rule_stops_one_object_only() -> None:
    def validate(manifest: Manifest) -> Sequence[Problem]:
        if manifest.name == "b":
            raise KeyError("oops")
        return ()

    parsed = parse_file("a.yaml", (job() + "---\n" + job("b")).encode(), OPTIONS, validate)
    assert [m.name for m in parsed.manifests] == ["a"]
    assert [r.reason for r in parsed.rejections] == ["InternalError"]
