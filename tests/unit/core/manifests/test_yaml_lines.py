import pytest

from reconciler.core.manifests.yaml_lines import Limits, YamlError, documents

SPEC = b"""\
# a comment
kind: TrainingJob
spec:
  hyperParameters:
    - name: a
      value: "1"
    -
      name: b
  a/b: {c~d: 1}
---
---
kind: Model
"""


def values(text: str) -> list[object]:
    return [document.value for document in documents(text.encode())]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("60.0", 60, id="an integral float is an integer, as after JSON"),
        pytest.param("1e-3", 0.001, id="an exponent needs no dot"),
        pytest.param("1e3", 1000, id="a large exponent is a number"),
        pytest.param("2020-01-01", "2020-01-01", id="a date stays text"),
        pytest.param("1:30", "1:30", id="nothing counts in sixties"),
        pytest.param("yes", True, id="yes is true"),
        pytest.param("off", False, id="off is false"),
        pytest.param("y", "y", id="a lone y is text"),
        pytest.param("0x1F", 31, id="hexadecimal"),
        pytest.param("010", 8, id="a leading zero means octal"),
        pytest.param("0o17", 15, id="octal as YAML 1.2 writes it"),
        pytest.param("089", 89, id="a leading zero that cannot be octal"),
        pytest.param("1_000", 1000, id="underscores group digits"),
        pytest.param('"60"', "60", id="quotes make text"),
        pytest.param("!!str 60", "60", id="a tag makes text"),
        pytest.param("~", None, id="a tilde is null"),
        pytest.param("-.5", -0.5, id="no leading zero"),
        pytest.param("123456789012345678901234567890", 1.2345678901234568e29, id="beyond 64 bits a float"),
    ],
)
def test_scalars_mean_what_kubectl_takes_them_for(text: str, value: object) -> None:
    assert values(f"a: {text}") == [{"a": value}]


def test_keys_that_are_no_strings_become_strings() -> None:
    assert values("{1: a, true: b, 1.5: c}") == [{"1": "a", "true": "b", "1.5": "c"}]


def test_a_merge_gives_way_to_written_keys_and_to_earlier_sources() -> None:
    text = "base: &b {x: 1, y: 1}\nother: &o {y: 2, z: 2}\nmerged: {<<: [*b, *o], x: 0}\n"
    assert values(text)[0]["merged"] == {"x": 0, "y": 1, "z": 2}  # type: ignore[index]


def test_empty_documents_are_left_out() -> None:
    assert [(document.value["kind"], document.line) for document in documents(SPEC)] == [
        ("TrainingJob", 2),
        ("Model", 12),
    ]


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        pytest.param("", 2, id="the document"),
        pytest.param("/kind", 2, id="a key"),
        pytest.param("/spec/hyperParameters/0/value", 6, id="a key inside a list"),
        pytest.param("/spec/hyperParameters/1", 8, id="an item that starts below its hyphen"),
        pytest.param("/spec/hyperParameters/0/valu", 5, id="a missing key has its parent's line"),
        pytest.param("/spec/hyperParameters/7/value", 4, id="a missing item has its list's line"),
        pytest.param("/spec/a~1b/c~0d", 9, id="slashes and tildes of keys are escaped"),
        pytest.param("/status/phase", 2, id="a path with nothing in common has the document's line"),
    ],
)
def test_lines_of_pointers(pointer: str, line: int) -> None:
    assert next(iter(documents(SPEC))).line_of(pointer) == line


def test_lines_in_a_later_document_count_from_the_start_of_the_file() -> None:
    assert list(documents(SPEC))[1].line_of("/kind") == 12


def test_a_merged_key_has_the_line_where_it_is_written() -> None:
    document = next(documents(b"base: &b\n  x: 1\nmerged:\n  <<: *b\n"))
    assert document.line_of("/merged/x") == 2


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        pytest.param(b"a: 1\nb: 2\na: 3", 3, "given twice", id="a key given twice"),
        pytest.param(b"a: 1\nb: \x00", 2, "control character 0x00", id="a NUL byte"),
        pytest.param(b"a: \x1b[31m", 1, "control character 0x1b", id="an escape sequence"),
        pytest.param("a: \u009f".encode(), 1, "control characters", id="a C1 control character"),
        pytest.param(b'a: 1\nb: "\\0"', 2, "NUL", id="an escaped NUL"),
        pytest.param("a: 1".encode("utf-16"), 1, "control character", id="UTF-16"),
        pytest.param(b"a: 1\nb: \xff", 2, "UTF-8", id="bytes that are not UTF-8"),
        pytest.param(b"a: ]", 1, "expected", id="a stray bracket"),
        pytest.param(b"a: .inf", 1, "finite", id="infinity"),
        pytest.param(b"a: 1e999", 1, "finite", id="a number too large for a float"),
        pytest.param(b"a: !!python/object:os.system x", 1, "tag", id="a tag that would make an object"),
        pytest.param(b"a: !mine {b: 1}", 1, "tag", id="a tag nobody knows"),
        pytest.param(b"? [a]\n: 1", 1, "key must be a string", id="a list as a key"),
        pytest.param(b"~: 1", 1, "not null", id="null as a key"),
        pytest.param(b"a: *nowhere", 1, "alias", id="an alias to nothing"),
        pytest.param(b"<<: 1", 1, "merge", id="a merge of a number"),
        pytest.param(b"&a [*a]", 1, "deep", id="a list that holds itself"),
        pytest.param(b"[" * 100_000, 1, "deep", id="a hundred thousand brackets, which would end the process"),
        pytest.param(b"- " * 100_000, 1, "deep", id="a hundred thousand hyphens, likewise"),
        pytest.param(b"{a: " * 100 + b"1" + b"}" * 100, 1, "deep", id="a hundred levels"),
        pytest.param(b"x" * 5_000_000, 1, "more than", id="five megabytes"),
    ],
)
def test_what_is_refused_names_its_line(data: bytes, line: int, says: str) -> None:
    with pytest.raises(YamlError, match=says) as refused:
        list(documents(data))
    assert refused.value.line == line


def test_aliases_cost_what_they_stand_for() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    with pytest.raises(YamlError, match="aliases"):
        values(bomb)


def test_too_many_documents_are_refused_after_the_allowed_ones() -> None:
    found = documents(b"---\na: 1\n" * 3, Limits(documents=2))
    assert [next(found).line, next(found).line] == [2, 4]
    with pytest.raises(YamlError, match="more than 2 documents") as refused:
        next(found)
    assert refused.value.line == 6


def test_documents_before_an_error_are_not_lost() -> None:
    found = documents(b"a: 1\n---\nb: [\n")
    assert next(found).value == {"a": 1}
    with pytest.raises(YamlError):
        next(found)
