"""Cells to values: text as people write it in, exact values out. No database, no clock.

Every ``parse_*`` function takes a cell cleaned by :func:`clean` and not empty, returns the value
as PostgreSQL reads it in COPY's text format, and raises BadValue with a remedy in Chinese.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from unicodedata import normalize

from creditsys import geo
from ratings import codes
from ratings.rules.periods import Period
from ratings.rules.vocabulary import Vocabulary
from ratings.services.imports.errors import BadValue

#: No fact about designated pharmacies is older than medical insurance itself.
EARLIEST = date(1990, 1, 1)
#: Fen in one unit of money.
UNITS = {"分": 1, "fen": 1, "元": 100, "yuan": 100, "rmb": 100, "人民币": 100, "千元": 100_000}
UNITS |= {"万元": 1_000_000, "万": 1_000_000, "wan": 1_000_000, "亿元": 10_000_000_000}

#: characters that count as a blank, and characters that count as nothing
_BLANKS = [*range(0x20), *range(0x7F, 0xA1), *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
_NOTHING = [
    0xAD,
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    0x2060,
    *range(0x2066, 0x206A),
    0xFEFF,
    0xFFFE,
]
_CLEANING: dict[int, str] = {**dict.fromkeys(_BLANKS, " "), **dict.fromkeys(_NOTHING, "")}
_PLAIN = re.compile(r"[!-~]+")
_SPREADSHEET_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!"}

#: room for every digit that read_number lets through, so that nothing is rounded unseen
_EXACT = Context(prec=80)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_AMOUNT_UNIT = re.compile(r"(人民币|rmb|cny|[¥$€])?(.*?)(亿元|万元|千元|元|分)?", re.IGNORECASE)
_CLOCK = r"(?:[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_DATE = re.compile(
    r"(?:([0-9]{4})\s*[-/.年]\s*([0-9]{1,2})\s*[-/.月]\s*([0-9]{1,2})\s*日?|([0-9]{4})([0-9]{2})([0-9]{2}))"
    + _CLOCK
)
_MONTH = re.compile(r"([0-9]{4})\s*[-/.年]\s*([0-9]{1,2})\s*月?(?:份)?|([0-9]{4})([0-9]{2})")
_SERIAL = re.compile(r"[0-9]{1,5}(?:\.[0-9]+)?")
_PERIOD_WORDS = (
    (re.compile(r"([0-9]{4})年度?"), "{0}"),
    (re.compile(r"([0-9]{4})年?上半年"), "{0}H1"),
    (re.compile(r"([0-9]{4})年?下半年"), "{0}H2"),
    (re.compile(r"([0-9]{4})年?第?([1-4一二三四])季度?"), "{0}Q{1}"),
    (re.compile(r"([0-9]{4})[年/.-]([0-9]{1,2})月?份?"), "{0}-{1:0>2}"),
)
_MEASURE_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DEGREES = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]+)?")
_YES = {"是", "有", "真", "y", "yes", "true", "t", "1", "√", "连锁", "连锁门店", "连锁店"}
_NO = {"否", "无", "非", "不是", "假", "n", "no", "false", "f", "0", "×", "单体", "单体店", "单店", "非连锁"}
_DATUM_NAMES = {
    geo.WGS84: ("wgs84", "gps", "4326", "epsg4326", "世界大地坐标系"),
    geo.CGCS2000: (
        "cgcs2000",
        "国家2000",
        "2000国家大地坐标系",
        "国家大地坐标系",
        "天地图",
        "4490",
        "epsg4490",
    ),
    geo.GCJ02: ("gcj02", "火星坐标", "火星坐标系", "国测局", "高德", "腾讯", "amap"),
    geo.BD09: ("bd09", "bd09ll", "百度", "百度坐标", "百度坐标系", "baidu"),
}
DATUM_BY_NAME = {name: datum for datum, names in _DATUM_NAMES.items() for name in names}


def clean(cell: str) -> str:
    """The cell without invisible characters; runs of white space become one blank."""
    if _PLAIN.fullmatch(cell):
        return cell
    return " ".join(cell.translate(_CLEANING).split())


def compact(text: str) -> str:
    """For codes and numbers: full-width forms become ASCII, blanks go."""
    return normalize("NFKC", text).replace(" ", "").replace("\u2212", "-").replace("\uff0d", "-")


def quote(value: str, limit: int = 40) -> str:
    """The value in Chinese quotation marks, shortened for a message."""
    return f"“{value if len(value) <= limit else value[:limit] + '…'}”"


def escaped(text: str) -> str:
    """Cleaned text in COPY's text format."""
    return text.replace("\\", "\\\\")


def text_parser(limit: int) -> Callable[[str], str]:
    """Free text of at most ``limit`` characters."""

    def parse(text: str) -> str:
        if text in _SPREADSHEET_ERRORS:
            raise BadValue(f"单元格是表格软件的错误值 {text}。", "请修正表格中的公式后重新导出。")
        if len(text) > limit:
            raise BadValue(f"内容有 {len(text)} 个字，最多 {limit} 个字。", "请缩短后再导入。")
        return escaped(text)

    return parse


def parse_designated_code(text: str) -> str:
    """A pharmacy's designated code."""
    return _checked(compact(text).upper(), codes.designated_code_problem, "请核对定点编码，如 P33060200672。")


def parse_uscc(text: str) -> str:
    """A unified social credit code, with its check digits."""
    return _checked(compact(text).upper(), codes.uscc_problem, "请对照营业执照核对十八位代码。")


def parse_district_code(text: str) -> str:
    """A county-level GB/T 2260 code."""
    code = _checked(compact(text), codes.district_problem, "请填六位区县代码，如 330602。")
    if code.endswith("00"):
        raise BadValue(f"{quote(code)}是省、市级代码，不是区县代码。", "请填六位区县代码，如 330602。")
    return code


def district_parser(registered: Mapping[str, Sequence[int]]) -> Callable[[str], str]:
    """A registered district, by code or by name; ``registered`` is name -> codes."""
    known = {str(code): str(code) for codes_of_name in registered.values() for code in codes_of_name}
    remedy = "请核对区县，或先导入区县（districts）。"

    def parse(text: str) -> str:
        written = compact(text)
        if written in known:
            return written
        if written.isdecimal():
            parse_district_code(text)
            raise BadValue(f"区县 {written} 没有登记。", remedy)
        found = registered.get(text, ())
        if len(found) > 1:
            listed = "、".join(map(str, sorted(found)))
            raise BadValue(f"叫{quote(text)}的区县不止一个：{listed}。", "请改填六位区县代码。")
        if not found:
            raise BadValue(f"没有登记叫{quote(text)}的区县。", remedy)
        return str(found[0])

    return parse


def _checked(code: str, problem: Callable[[str], str], remedy: str) -> str:
    if message := problem(code):
        raise BadValue(message, remedy)
    return code


def date_parser(
    *, earliest: date = EARLIEST, latest: date, beyond: str, epoch: date | None
) -> Callable[[str], str]:
    """Dates from ``earliest`` to ``latest``; ``beyond`` says why none is later.

    ``epoch`` is day 0 of the serial numbers that an XLSX file uses for dates; None in CSV,
    where a bare number of five digits is no date.
    """

    @lru_cache(maxsize=50_000)
    def parse(text: str) -> str:
        day = _read_date(text, epoch)
        if day > latest:
            raise BadValue(f"日期 {day.isoformat()} {beyond}。", f"请核对：最晚为 {latest.isoformat()}。")
        if day < earliest:
            raise BadValue(f"日期 {day.isoformat()} 过早。", f"请核对年份：最早为 {earliest.isoformat()}。")
        return day.isoformat()

    return parse


def _read_date(text: str, epoch: date | None) -> date:
    written = normalize("NFKC", text)
    if epoch and _SERIAL.fullmatch(written):
        return epoch + timedelta(days=int(float(written)))
    found = _DATE.fullmatch(written)
    if not found:
        raise BadValue(f"{quote(text)}不是日期。", "请写成 2025-03-01、2025/3/1、2025年3月1日 或 20250301。")
    if found["zone"] not in (None, "+08:00", "+0800"):
        raise BadValue(f"{quote(text)}不是北京时间。", "请换算为北京时间，只填日期。")
    year, month, day = (int(part) for part in found.groups()[:6] if part)
    try:
        return date(year, month, day)
    except ValueError:
        raise BadValue(f"{quote(text)}：没有这一天。", "请核对年、月、日。") from None


def month_parser(*, latest: date, epoch: date | None) -> Callable[[str], str]:
    """Months that have begun by ``latest``, as their first day. A whole date must be a first day."""

    @lru_cache(maxsize=50_000)
    def parse(text: str) -> str:
        written = normalize("NFKC", text)
        if found := _MONTH.fullmatch(written):
            year, number = (int(part) for part in found.groups() if part)
            if not 1 <= number <= 12:
                raise BadValue(f"{quote(text)}：没有这个月份。", "月份为 1 至 12。")
            month = date(max(year, 1), number, 1)
        elif _DATE.fullmatch(written) or (epoch and _SERIAL.fullmatch(written)):
            month = _read_date(text, epoch)
            if month.day != 1:
                raise BadValue(
                    f"{quote(text)}是某一天，不是月份。", "请写成 2025-03 或 2025年3月（或该月 1 日）。"
                )
        else:
            raise BadValue(f"{quote(text)}不是月份。", "请写成 2025-03、2025年3月 或 202503。")
        if month > latest:
            raise BadValue(f"月份 {month:%Y-%m} 晚于记录日期 {latest.isoformat()}。", "请核对年份和月份。")
        if month < EARLIEST:
            raise BadValue(f"月份 {month.isoformat()[:7]} 过早。", "请核对年份。")
        return month.isoformat()

    return parse


def parse_period(text: str) -> str:
    """A rating period: 2025, 2025H1, 2025Q3, 2025-07, or in Chinese."""
    written = compact(text).upper()
    for pattern, form in _PERIOD_WORDS:
        if found := pattern.fullmatch(written):
            parts = [
                str("一二三四".index(part) + 1) if part in "一二三四" else part for part in found.groups()
            ]
            written = form.format(*parts)
            break
    try:
        return Period.parse(written).code
    except ValueError:
        raise BadValue(
            f"{quote(text)}不是评价周期。",
            "请写成 2025（年）、2025H1（半年）、2025Q3（季）或 2025-07（月）。",
        ) from None


def read_number(text: str, what: str) -> Decimal:
    """A number as people write it: thousands separators, full-width digits, (1.00) as negative."""
    written = compact(text)
    negative = False
    if written[:1] in "+-" and written:
        negative, written = written[0] == "-", written[1:]
    elif written.startswith("(") and written.endswith(")"):
        negative, written = True, written[1:-1]
    if _GROUPED.fullmatch(written):
        written = written.replace(",", "")
    if len(written) > 40 or not _NUMBER.fullmatch(written):
        raise BadValue(
            f"{quote(text)}不是{what}。",
            "请写成普通数字，如 1234.56 或 1,234.56（不用科学记数法、不写文字）。",
        )
    value = Decimal(written)
    return value.copy_negate() if negative else value


def amount_parser(unit: int, lowest: int, highest: int) -> Callable[[str], str]:
    """Money in fen. A bare number counts in ``unit`` (fen); a unit written in the cell wins."""

    def parse(text: str) -> str:
        written = compact(text)
        outer_negative = written.startswith("(") and written.endswith(")")
        signed = written[1:-1] if outer_negative else written
        sign = ""
        if signed[:1] in ("+", "-"):
            sign, signed = signed[0], signed[1:]
        found = _AMOUNT_UNIT.fullmatch(signed)
        currency, number, own_unit = found.groups() if found else (None, signed, None)
        if currency in ("$", "€"):
            raise BadValue(f"{quote(text)}不是人民币金额。", "请折算为人民币后再导入。")
        if outer_negative and sign:
            raise BadValue(f"{quote(text)}不是金额。", "负数请只用负号或括号之一。")
        value = read_number(f"{sign}{number}" if number else text, "金额")
        fen = _EXACT.multiply(value, Decimal(UNITS[own_unit] if own_unit else unit))
        if outer_negative:
            fen = fen.copy_negate()
        if fen != fen.to_integral_value():
            raise BadValue(f"{quote(text)}不足一分的部分无法入账。", "金额最多精确到分（元后两位小数）。")
        if fen < lowest:
            raise BadValue(
                f"金额{quote(text)}{'为负数' if lowest == 0 else '过小'}。",
                "此处金额不得为负。" if lowest == 0 else f"不得小于 {lowest // 100} 元。",
            )
        if fen > highest:
            raise BadValue(f"金额{quote(text)}过大。", f"不得超过 {highest // 100} 元；请核对金额单位。")
        return str(int(fen))

    return parse


def integer_parser(lowest: int, highest: int) -> Callable[[str], str]:
    """Whole numbers from ``lowest`` to ``highest``."""

    def parse(text: str) -> str:
        value = read_number(text, "整数")
        if value != value.to_integral_value():
            raise BadValue(f"{quote(text)}不是整数。", "请填整数。")
        if not lowest <= value <= highest:
            raise BadValue(f"{quote(text)}超出范围。", f"须为 {lowest} 至 {highest} 的整数。")
        return str(int(value))

    return parse


def decimal_parser(places: int, bound: int) -> Callable[[str], str]:
    """Decimal numbers between -``bound`` and ``bound`` with at most ``places`` decimals."""

    def parse(text: str) -> str:
        value = read_number(text, "数值")
        if abs(value) > bound:
            raise BadValue(f"{quote(text)}超出范围。", f"绝对值不得超过 {bound}。")
        scaled = _EXACT.scaleb(value, places)
        if scaled != scaled.to_integral_value():
            raise BadValue(f"{quote(text)}的小数超过 {places} 位。", f"请四舍五入到 {places} 位小数。")
        return format(value, "f")

    return parse


def vocabulary_parser(vocabulary: Vocabulary) -> Callable[[str], str]:
    """One of the vocabulary's ids or Chinese labels."""
    by_name = {term.id: term.id for term in vocabulary}
    by_name |= {compact(term.label): term.id for term in vocabulary}

    def parse(text: str) -> str:
        found = by_name.get(compact(text)) or by_name.get(compact(text).upper())
        if not found:
            # labels contain 、 themselves
            known = "；".join(term.label for term in vocabulary)
            raise BadValue(f"{quote(text)}不是{vocabulary.title}。", f"须为下列之一：{known}。")
        return found

    return parse


def parse_boolean(text: str) -> str:
    """Yes or no."""
    word = compact(text).lower()
    if word in _YES:
        return "t"
    if word in _NO:
        return "f"
    raise BadValue(f"{quote(text)}既不是“是”也不是“否”。", "请填 是 或 否。")


def parse_measure_key(text: str) -> str:
    """The key of an imported measure."""
    key = compact(text).lower()
    if not _MEASURE_KEY.fullmatch(key):
        raise BadValue(
            f"{quote(text)}不是指标键。", "须以小写字母开头，只含小写字母、数字、下划线，最多 40 位。"
        )
    return key


def parse_degrees(text: str) -> str:
    """A latitude or longitude in decimal degrees."""
    written = compact(text).rstrip("°")
    if not _DEGREES.fullmatch(written) or len(written) > 25:
        raise BadValue(f"{quote(text)}不是经纬度。", "请写成十进制度数，如 120.582112。")
    return written


def datum_of(text: str) -> str | None:
    """The datum named by ``text``, or None."""
    return DATUM_BY_NAME.get(re.sub(r"[\s_:-]", "", normalize("NFKC", text)).lower())


def parse_datum(text: str) -> str:
    """The name of a datum."""
    if datum := datum_of(text):
        return datum
    raise BadValue(
        f"{quote(text)}不是已知的坐标系。",
        "须为 WGS-84、CGCS2000、GCJ-02（高德、腾讯）或 BD-09（百度）。",
    )
