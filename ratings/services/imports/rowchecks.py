"""Checks across the columns of one row. Staged values are text; ISO dates compare as text.

Each check takes the parsed row (None = empty; a column that the file lacks is missing), may
complete it, and yields (column, message, remedy). A row with a bad cell does not come here.
"""

from collections.abc import Iterator

from ratings import geo

Row = dict[str, str | None]
Found = Iterator[tuple[str, str, str]]


def pharmacy(row: Row) -> Found:
    """The place becomes WGS-84; dates and predecessor make sense."""
    yield from _place(row)
    since, until = row.get("designated_on"), row.get("designated_until")
    if since and until and until <= since:
        yield (
            "designated_until",
            f"定点终止日 {until} 不晚于定点起始日 {since}。",
            "请核对两个日期；终止日是不再定点的首日。",
        )
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


def violation(row: Row) -> Found:
    """A decision does not come before the deed."""
    occurred, decided = row["occurred_on"], row["decided_on"]
    if occurred and decided and decided < occurred:
        yield (
            "decided_on",
            f"决定日期 {decided} 早于发生日期 {occurred}。",
            "请核对两个日期。",
        )


def complaint(row: Row) -> Found:
    """Finding, date of the finding and state agree. Columns that the file lacks are not judged."""
    finding = row.get("finding", "PENDING")
    received, decided = row["occurred_on"], row.get("decided_on")
    if finding == "PENDING" and decided:
        yield "decided_on", "尚无结论却填了结论日期。", "请填查实结论，或删去结论日期。"
    if finding != "PENDING" and not decided:
        yield "decided_on", "有查实结论而没有结论日期。", "请填结论日期。"
    if decided and received and decided < received:
        yield "decided_on", f"结论日期 {decided} 早于收到日期 {received}。", "请核对两个日期。"
    if finding == "VERIFIED" and row["state"] in ("RECEIVED", "NOT_ACCEPTED"):
        yield (
            "state",
            "未受理的举报投诉不能有“查证属实”的结论。",
            "请核对状态和结论。",
        )
