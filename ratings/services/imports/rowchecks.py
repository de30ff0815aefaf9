"""Checks across the columns of one row, and what may complete it.

A check function takes the parsed row (None = empty; a column that the file lacks is missing),
may complete it, and yields (column, message, remedy); a row with a bad cell does not come to it.
Rules are for the database, which knows what the columns that the file lacks will hold.
"""

from collections.abc import Iterator

from creditsys import geo
from ratings.services.imports.columns import Row, Rule

Found = Iterator[tuple[str, str, str]]

_BOTH_DATES = "请核对两个日期（文件没有的列沿用原来登记的内容）。"

#: An objection that voided a fact ``gone`` as wrong.
_UPHELD = """EXISTS (
    SELECT FROM ratings_objectionfact listed JOIN ratings_objection o ON o.id = listed.objection_id
    WHERE listed.{column} = gone.id AND o.state IN ('UPHELD', 'REVIEW_UPHELD') AND o.remedy = 'VOID_FACTS'
)"""
_TAKEN_OFF_REMEDY = "请从文件中删去这一行；记录经更正、内容有变化的，按更正后的内容填写。"

VIOLATION = (
    Rule(
        ("document_no",),
        f"""EXISTS (
            SELECT FROM ratings_violation gone JOIN ratings_pharmacy shop ON shop.id = gone.pharmacy_id
            WHERE gone.voided_at IS NOT NULL AND shop.code = {{pharmacy}}
              AND gone.document_no = {{document_no}} AND gone.kind = {{kind}}
              AND (
                EXISTS (SELECT FROM ratings_creditrepair c WHERE c.violation_id = gone.id AND c.state = 'GRANTED')
                OR (gone.gravity, gone.track, gone.amount_fen, gone.occurred_on, gone.decided_on)
                   = ({{gravity}}, {{track}}, {{amount}}, {{occurred_on}}, {{decided_on}})
                   AND {_UPHELD.format(column="violation_id")}
              )
        )""",
        "该记录已经信用修复，或异议成立而作废，不再计入评价。",
        _TAKEN_OFF_REMEDY,
    ),
    Rule(
        ("decided_on",),
        "{decided_on} < {occurred_on}",
        "决定日期 {decided_on} 早于发生日期 {occurred_on}。",
        "请核对两个日期。",
    ),
)

COMPLAINT = (
    Rule(
        ("reference_no",),
        f"""EXISTS (
            SELECT FROM ratings_complaint gone JOIN ratings_pharmacy shop ON shop.id = gone.pharmacy_id
            WHERE gone.voided_at IS NOT NULL AND gone.reference_no = {{reference_no}}
              AND (shop.code, gone.topic, gone.finding, gone.occurred_on, gone.decided_on)
                  = ({{pharmacy}}, {{topic}}, {{finding}}, {{occurred_on}}, {{decided_on}})
              AND {_UPHELD.format(column="complaint_id")}
        )""",
        "该记录已因异议成立而作废，不再计入评价。",
        _TAKEN_OFF_REMEDY,
    ),
    Rule(
        ("decided_on", "finding"),
        "{finding} = 'PENDING' AND {decided_on} IS NOT NULL",
        "尚无结论却有结论日期 {decided_on}。",
        "请填查实结论，或清空结论日期（文件没有的列沿用原来登记的内容）。",
    ),
    Rule(
        ("decided_on", "finding"),
        "{finding} <> 'PENDING' AND {decided_on} IS NULL",
        "有查实结论而没有结论日期。",
        "请填结论日期。",
    ),
    Rule(
        ("decided_on", "occurred_on"),
        "{decided_on} < {occurred_on}",
        "结论日期 {decided_on} 早于收到日期 {occurred_on}。",
        _BOTH_DATES,
    ),
    Rule(
        ("state",),
        "{finding} = 'VERIFIED' AND {state} IN ('RECEIVED', 'NOT_ACCEPTED')",
        "未受理的举报投诉不能有“查证属实”的结论。",
        "请核对状态和结论（文件没有的列沿用原来登记的内容）。",
    ),
)

PHARMACY = (
    Rule(
        ("designated_until", "designated_on"),
        "{designated_until} <= {designated_on}",
        "定点终止日 {designated_until} 不晚于定点起始日 {designated_on}。",
        f"{_BOTH_DATES}终止日是不再定点的首日。",
    ),
)


def pharmacy(row: Row) -> Found:
    """The place becomes WGS-84; no pharmacy is its own predecessor."""
    yield from _place(row)
    if row.get("predecessor") and row["predecessor"] == row["code"]:
        yield "predecessor", "药店不能是自己的前身。", "请填重新登记前的定点编码，没有则留空。"


def _place(row: Row) -> Found:
    """Convert latitude and longitude in place. To 7 decimals: a centimetre, stable everywhere."""
    if "latitude" not in row:
        return
    latitude, longitude, datum = row["latitude"], row["longitude"], row.get("datum")
    if latitude is None and longitude is None:
        row["datum"] = ""
        return
    if latitude is None or longitude is None:
        missing = "longitude" if longitude is None else "latitude"
        yield missing, "经纬度只填了一个。", "请成对填写，或都留空。"
        return
    if not datum:
        yield (
            "datum",
            "有经纬度而没有坐标系。",
            "请填坐标系（高德、腾讯为 GCJ-02，百度为 BD-09，天地图为 CGCS2000），或用默认值统一指定。",
        )
        return
    north, east = float(latitude), float(longitude)
    if not (3 <= north <= 54 and 73 <= east <= 136):
        swapped = 3 <= east <= 54 and 73 <= north <= 136
        yield (
            "latitude",
            f"纬度 {latitude}、经度 {longitude} 不在中国境内。",
            "经度、纬度似乎写反了，请对调。" if swapped else "请核对经纬度（十进制度数）。",
        )
        return
    north, east = geo.to_wgs84(north, east, datum)
    row["latitude"], row["longitude"] = f"{north:.7f}", f"{east:.7f}"
