import pytest

from reconciler.core.schema.patterns import UntranslatableError, matches, translate


@pytest.mark.parametrize(
    ("pattern", "re2"),
    [
        pytest.param(r"[\S\s]*", None, id="what matches everything is left out"),
        pytest.param(r"[a-z]{0,62}", r"[a-z]{0,62}", id="an ordinary repetition stays"),
        pytest.param(r"[a-z]{0,1023}", r"[a-z]*", id="a repetition above a thousand is left to maxLength"),
        pytest.param(r"[\S]{1,2048}", r"[\S]+", id="at least one stays at least one"),
        pytest.param(r"\uD800\uDC00-\uDBFF\uDFFF", r"\x{10000}-\x{10FFFF}", id="surrogates are code points"),
        pytest.param(r"[\u0020-\uD7FF]", r"[\x{0020}-\x{D7FF}]", id="code points are written in braces"),
    ],
)
def test_translation(pattern: str, re2: str | None) -> None:
    assert translate(pattern) == re2


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(?<!x)y", r"(a)\1", r"a++", r"\p{Javanese}", r"x{2,5000}", r"(?i)a"])
def test_a_pattern_without_an_re2_form_stops_the_generation(pattern: str) -> None:
    with pytest.raises(UntranslatableError):
        translate(pattern)


NAME_OR_ARN = r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)"
METRICS_PATH = r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+"
TAG = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"


@pytest.mark.parametrize(
    ("pattern", "text", "verdict"),
    [
        pytest.param(NAME_OR_ARN, "my-algorithm", True, id="a name with a hyphen inside"),
        pytest.param(NAME_OR_ARN, "my-algorithm-", False, id="no hyphen at the end"),
        pytest.param(NAME_OR_ARN, "a", True, id="a name of one letter"),
        pytest.param(NAME_OR_ARN, "a" * 63, True, id="a name of 63 letters"),
        pytest.param(NAME_OR_ARN, "a" * 64, False, id="a name of 64 letters"),
        pytest.param(METRICS_PATH, "/metrics", True, id="a path"),
        pytest.param(METRICS_PATH, "/a.b/.c", True, id="single dots in a path"),
        pytest.param(METRICS_PATH, "/a/../b", False, id="no way up a path"),
        pytest.param(METRICS_PATH, "/..", False, id="no way up at once"),
        pytest.param(METRICS_PATH, "/.", True, id="a path of one dot"),
        pytest.param(METRICS_PATH, "/", False, id="a path is more than a slash"),
        pytest.param(r"(?!\s*$).+", "   ", False, id="blanks alone"),
        pytest.param(r"(?!\s*$).+", " a ", True, id="blanks around something"),
        pytest.param(TAG, "Größe 1", True, id="letters of any script in a tag"),
        pytest.param(TAG, "a*b", False, id="no star in a tag"),
        pytest.param(r"\d+K", "12K", True, id="digits"),
        pytest.param(r"\d+K", "\u0661\u0662K", False, id="digits are ASCII"),
        pytest.param(r"[\S]+", "a\u00a0b", True, id="a no-break space is no space to RE2"),
        pytest.param(r"[a-z]+", "abc\n", False, id="no line end slips through"),
        pytest.param(r".*", "a\nb", False, id="a dot is not a line end"),
        pytest.param(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a\U0001f600\t", True, id="beyond the first plane"),
    ],
)  # fmt: skip
def test_a_pattern_judges_the_whole_text_as_re2_does(pattern: str, text: str, verdict: bool) -> None:
    re2 = translate(pattern)
    assert re2 is not None
    assert matches(re2, text) is verdict
