"""Every mistake that a scheme document can hold: where, by which clause, what, and the remedy.

Each in ``mistakes.toml`` is made in ``documents/small.toml`` by replacing one piece of text.
"""

import tomllib
from pathlib import Path

import pytest

from ratings.rules import Problem, SchemeError, load_scheme, parse_scheme
from ratings.rules.document import SchemeDocument
from ratings.rules.translation import SAMPLES

_HERE = Path(__file__).parent
SMALL = (_HERE / "documents" / "small.toml").read_text(encoding="utf-8")
#: (name, old, new, rows of path, clause, what, remedy)
MISTAKES = [
    (mistake["name"], mistake["old"], mistake["new"], [tuple(row) for row in mistake["expected"]])
    for mistake in tomllib.loads((_HERE / "mistakes.toml").read_text(encoding="utf-8"))["mistake"]
]


@pytest.mark.parametrize(("name", "old", "new", "expected"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake(name: str, old: str, new: str, expected: list[tuple[str, str, str, str]]) -> None:
    assert SMALL.count(old) == 1
    with pytest.raises(SchemeError) as caught:
        parse_scheme(SMALL.replace(old, new), "small.toml")
    assert caught.value.problems == tuple(Problem("small.toml", *problem) for problem in expected)


def test_every_required_key_has_a_sample_or_values() -> None:
    schema = SchemeDocument.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        for key in part.get("required", ()):
            field = part["properties"][key]
            field = schema["$defs"].get(field.get("$ref", "").rsplit("/", 1)[-1], field)
            assert key in SAMPLES or "enum" in field or "const" in field, key
    for key, sample in SAMPLES.items():
        assert list(tomllib.loads(sample.replace(", …", ""))) == [key]


def test_the_untouched_document_is_accepted() -> None:
    assert parse_scheme(SMALL).key == "small"


#: (path, text as it stands, what it begins and ends with there, how long it may be)
LENGTHS = [
    ("title", 'title = "最小的规则"', 'title = "{}"', 200),
    ("grades[0].label", 'label = "好"', 'label = "{}"', 100),
    ("components[0].title", 'title = "信用分"', 'title = "{}"', 200),
    ("indicators[2].title", 'title = "考核"', 'title = "{}"', 200),
    ("eligibility[0].title", 'title = "定点未满六个月"', 'title = "{}"', 200),
    ("caps[0].title", 'title = "骗保"', 'title = "{}"', 200),
    ("eligibility[0].clause", 'clause = "第九条"', 'clause = "{}"', 500),
    ("indicators[0].ageing.clause", 'clause = "第六条"', 'clause = "{}"', 500),
    ("bands.rows[1].clause", 'clause = "第十一条第二项"', 'clause = "{}"', 500),
]


@pytest.mark.parametrize(("path", "old", "new", "most"), LENGTHS, ids=[row[0] for row in LENGTHS])
def test_texts_are_no_longer_than_the_columns_that_take_them(
    path: str, old: str, new: str, most: int
) -> None:
    assert SMALL.count(old) == 1
    assert parse_scheme(SMALL.replace(old, new.format("条" * most)))
    with pytest.raises(SchemeError) as caught:
        parse_scheme(SMALL.replace(old, new.format("条" * (most + 1))))
    (problem,) = caught.value.problems
    told = ("条" * 37 + "……", f"不超过 {most} 个字。")
    assert (problem.path, problem.what, problem.remedy) == (path, f"“{told[0]}”过长。", told[1])


@pytest.mark.parametrize("months", [1, 600])
def test_a_grade_holds_from_a_month_to_fifty_years(months: int) -> None:
    text = SMALL.replace('label = "好"', f'label = "好"\nvalid_months = {months}')
    assert parse_scheme(text).grades[0].valid_months == months


def test_a_problem_reads_as_one_sentence() -> None:
    with pytest.raises(SchemeError) as caught:
        parse_scheme(SMALL.replace("SERIOUS = -30", "SERIOUS = 30"), "我的规则.toml")
    assert str(caught.value) == (
        "我的规则.toml：indicators[0].rows[0].points.SERIOUS（第五条第一项）：分值 30 会使得分变好。"
        "改正办法：分数高者为好的规则中扣分写负数，例如 -6。"
    )


def test_all_problems_are_told_at_once_whatever_their_sort() -> None:
    text = SMALL
    for old, new in (
        ("base_score = 100", "base_scor = 101"),  # misspelt
        ("MINOR = -10", "MINOR = -10.0005"),  # too fine
        ("SERIOUS = -30", "SERIOUS = 30"),  # the wrong sign
        ('clause = "第九条"\n', ""),  # missing
        ('title = "信用分"', "title = 5"),  # not a text
        ("free = 10", 'free = "10"'),  # in quotes
        ("effective_on = 2020-01-01", 'effective_on = "1820-01-01"'),  # in quotes, and implausible
        ('limit = "B"', 'limit = "E"'),  # unknown
        ('grade = "B"', 'grade = "B"\nmax = 80'),  # a gap
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    with pytest.raises(SchemeError) as caught:
        parse_scheme(text, "small.toml")
    assert [problem.path for problem in caught.value.problems] == [
        "effective_on",
        "components[0].title",
        "components[0].base_scor",
        "indicators[0].rows[0].points.MINOR",
        "indicators[1].free",
        "eligibility[0].clause",
        "indicators[0].rows[0].points.SERIOUS",
        "caps[0].limit",
        "bands.rows[1].max",
    ]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (b'key "small"', "第1行第5列", "键之后缺少等号。"),
        (b'key = "a"\nkey = "b"\n', "第2行第10列", "同一个键写了两次。"),
        (b"[score]\n[score]", "第2行第7列", "同一个分段写了两次。"),
        (b'key = "a"\ntitle = \n', "第2行第9列", "值的写法有误。"),
        (b'legal_basis = ["a"\ntitle = 1', "第2行第1列", "列表缺少右方括号。"),
        (b"a = { b = 1\n", "第1行第12列", "花括号没有闭合。"),
        (b'key = "a', "文件末尾", "文字缺少右引号。"),
        (b'key = "a"x', "第1行第10列", "值之后有多余的内容。"),
        (b"[score", "文件末尾", "分段标题缺少右方括号。"),
        (b'key = "a\nb"', "第1行第9列", "文字中有不允许的字符（可能缺少引号）。"),
        ('key = "药店"'.encode("gb18030"), "第1行", "不是 UTF-8 编码。"),
        (b"\n\n\xff", "第3行", "不是 UTF-8 编码。"),
        (b"", "（全文）", "文件是空的。"),
        (b" \n", "（全文）", "文件是空的。"),
    ],
)
def test_syntax(text: bytes, place: str, what: str) -> None:
    with pytest.raises(SchemeError) as caught:
        parse_scheme(text, "x.toml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.path, problem.what) == ("x.toml", place, what)


@pytest.mark.parametrize(
    ("line", "column", "what", "remedy"),
    [
        ("key = “jinhua”", 7, "此处用了全角引号“ ”。", '请改用半角 "。'),
        ('key = "jinhua”', 14, "此处用了全角引号“ ”。", '请改用半角 "。'),
        ("key = ‘jinhua’", 7, "此处用了全角引号‘ ’。", "请改用半角 '。"),
        ("min = ９３", 7, "此处用了全角数字９３。", "请改用半角 93。"),
        ("min = 9３", 8, "此处用了全角数字３。", "请改用半角 3。"),
        ("［score］", 1, "此处用了全角方括号［。", "请改用半角 [ ]。"),
        ("[score］", 7, "此处用了全角方括号］。", "请改用半角 [ ]。"),
        ("【score】", 1, "此处用了全角方括号【。", "请改用半角 [ ]。"),
        ("a = ｛ b = 1 ｝", 5, "此处用了全角花括号｛。", "请改用半角 { }。"),
        ('key ＝ "jinhua"', 5, "此处用了全角等号＝。", "请改用半角 =。"),
        ('key： "jinhua"', 4, "此处用了全角冒号：。", "请改用半角 =。"),
        ('a = ["一，二"，"三"]', 11, "此处用了全角逗号或顿号，。", "请改用半角 ,。"),
        ('a = { b = "一"、c = 1 }', 14, "此处用了全角逗号或顿号、。", "请改用半角 ,。"),
        ("min = 1。5", 8, "此处用了全角句点。。", "请改用半角 .。"),
        ("min = －5", 7, "此处用了全角减号－。", "请改用半角 -。"),
        ("min = 5 ＃ 说明", 9, "此处用了全角井号＃。", "请改用半角 #。"),
        ("min =\u30005", 6, "此处用了全角空格。", "请改用半角空格。"),
        ("ｋey = 5", 1, "此处用了全角字符ｋ。", "请改用半角 k。"),
        ("title = 信用，分", 9, "值的写法有误。", "改正此处（或其上一行）的书写后再试。"),
        ("title 5 # “说明”，", 7, "键之后缺少等号。", "改正此处（或其上一行）的书写后再试。"),
        ("effective_on = 2020-13-01", 16, "没有 2020-13-01 这一天。", "写实有的日期，例如 2026-01-01。"),
        (
            "effective_on = 2021-02-29 # 施行",
            16,
            "没有 2021-02-29 这一天。",
            "写实有的日期，例如 2026-01-01。",
        ),
        ("effective_on = 2020-1-1", 16, "“2020-1-1”不是日期。", "月、日各写两位，例如 2026-01-01。"),
    ],
)
@pytest.mark.parametrize("end", ["", "\r\n", "\nx = 1\n"])
def test_slips_of_a_chinese_writer(line: str, column: int, what: str, remedy: str, end: str) -> None:
    text = f'note = """第一，\n“第二”。"""  # 注，\n{line}{end}'
    with pytest.raises(SchemeError) as caught:
        parse_scheme(text, "x.toml")
    assert caught.value.problems == (Problem("x.toml", f"第3行第{column}列", "", what, remedy),)


def test_a_document_cut_off_in_the_middle_is_refused() -> None:
    data = SMALL.encode()
    for end in range(0, len(data), 97):
        with pytest.raises(SchemeError):
            parse_scheme(data[:end])


def test_a_byte_order_mark_and_windows_line_ends_are_read_but_change_the_hash(tmp_path: Path) -> None:
    plain = parse_scheme(SMALL)
    windows = tmp_path / "small.toml"
    windows.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    marked = load_scheme(windows)
    assert marked.document == plain.document
    assert marked.hash != plain.hash
