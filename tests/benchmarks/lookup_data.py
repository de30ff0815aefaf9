"""Places, names and grades for the set of ``data.py``, made by the database itself, the same every time.

Pharmacies stand in cities, many in a few and few in many; four in five within a dense core, where a circle
of 2 km holds up to 600. Names have the make of real ones: city, brand, kind, company, road. Districts of a
city follow each other, and so do the codes of its pharmacies. One in a hundred was never rated, one in twenty
has ended, one in four hundred is suspended.
"""

import time
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from applications.pharmacy_lookup.refresh import refresh_places
from ratings.models import Publication, RatingPeriod, RatingRun
from ratings.rules.periods import Period
from ratings.services.schemes import scheme_in_force
from tests.benchmarks.data import PERIOD, SCHEME

_FIRST: Final = "安宝北长成东丰福高广海汉杭和衡湖华淮黄惠吉济嘉江金九开昆兰乐丽连辽临柳龙泸洛梅绵南宁"
_SECOND: Final = "安波昌城德都封关桂海汉河衡江京口林岭明南宁平浦庆泉沙山深顺台通潭西阳义元源原州中舟"
_CHARACTERS: Final = (
    "康仁益民济生堂和德福寿春泰安宁华美爱心百姓同德善源瑞祥永盛恒信诚元正大众惠佳健怡乐天保芝林草本杏一"
)
_BRANDS: Final = "老百姓 益丰 大参林 一心堂 国大 海王星辰 同仁堂 漱玉平民 健之佳 养天和 老百姓 益丰"
_ROADS: Final = (
    "人民 解放 中山 建设 胜利 和平 新华 文化 朝阳 迎宾 滨江 学院 工业 东风 环城 府前 长江 黄河 青年 友谊"
)
_KINDS: Final = "大药房 大药房 大药房 大药房 药房 药房 药店 药店 医药商店 参茸药店"
_COMPANIES: Final = "有限公司 连锁有限公司 连锁有限公司 有限责任公司"

#: Even chance from 0 to n - 1. That of ``data.py`` would set the points in rows, one drawn from the other.
_LOT: Final = """
CREATE OR REPLACE FUNCTION lot(item bigint, purpose int, n int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ((hashint8extended(item, purpose) & 1152921504606846975) %% n)::int
$$
"""
# City c of n takes its share of all pharmacies, and lies so wide that its core has the density meant.
_CITIES: Final = """
CREATE TEMP TABLE city AS
SELECT c, 22 + lot(c, 61, 200000) / 10000.0 AS latitude, 100 + lot(c, 62, 210000) / 10000.0 AS longitude,
       sqrt(2 * %(size)s * (sqrt((c + 1.0) / %(cities)s) - sqrt(c / %(cities)s::float8)) / (750 / (1 + c / 20.0)))
           AS kilometres,
       substr(%(first)s, 1 + lot(c, 63, length(%(first)s)), 1)
           || substr(%(second)s, 1 + lot(c, 64, length(%(second)s)), 1) AS name
FROM generate_series(0, %(cities)s - 1) c
"""
_SHOPS: Final = """
CREATE TEMP TABLE shop AS
SELECT id, city.name AS city,
       latitude + wide * kilometres / 111.0 * away * sin(turn) AS latitude,
       longitude + wide * kilometres / 111.0 * away * cos(turn) / cosd(latitude) AS longitude,
       CASE WHEN lot(id, 70, 10) < 3
            THEN (string_to_array(%(brands)s, ' '))[1 + lot(id, 71, cardinality(string_to_array(%(brands)s, ' ')))]
            ELSE substr(%(characters)s, 1 + lot(id, 72, length(%(characters)s)), 1)
                 || substr(%(characters)s, 1 + lot(id, 73, length(%(characters)s)), 1) END AS brand,
       (string_to_array(%(kinds)s, ' '))[1 + lot(id, 74, cardinality(string_to_array(%(kinds)s, ' ')))] AS kind,
       (string_to_array(%(companies)s, ' '))[1 + lot(id, 75, cardinality(string_to_array(%(companies)s, ' ')))] AS company,
       (string_to_array(%(roads)s, ' '))[1 + lot(id, 76, cardinality(string_to_array(%(roads)s, ' ')))]
           || (ARRAY['东', '西', '南', '北', '', ''])[1 + lot(id, 77, 6)] || '路' AS road,
       1 + lot(id, 78, 900) AS number
FROM (
    SELECT id, floor(%(cities)s * ((district_id - 110101) / 200 / %(districts)s::float8) ^ 2)::int AS c,
           sqrt(-2 * ln((1 + lot(id, 66, 1000000)) / 1000001.0)) AS away,
           2 * pi() * lot(id, 67, 1000000) / 1e6 AS turn, CASE WHEN lot(id, 68, 5) = 0 THEN 6 ELSE 1 END AS wide
    FROM ratings_pharmacy
) one JOIN city USING (c)
"""
_PLACED: Final = """
UPDATE ratings_pharmacy p
SET name = s.city || s.brand || s.kind || s.company || s.road || CASE WHEN s.id %% 2 = 0 THEN '店' ELSE '分店' END,
    street = s.road || '街道', address = s.city || '市' || s.road || s.number || '号',
    latitude = s.latitude, longitude = s.longitude, source_datum = 'WGS-84',
    designated_until = CASE WHEN lot(s.id, 79, 20) = 0 THEN DATE '2025-06-01' END
FROM shop s WHERE s.id = p.id
"""
_GRADES: Final = """
INSERT INTO ratings_publishedgrade (seq, publication_id, pharmacy_id, code, name, district, event, period, scheme, run,
    grade, grade_label, position, score, rank_district, rank_city, valid_from, valid_until, reason)
SELECT row_number() OVER (ORDER BY code), 1, id, code, name, district_id, 'PERIODIC', '2024', %(scheme)s, 1,
       (ARRAY['A', 'B', 'C', 'D'])[place + 1], (ARRAY['优秀', '良好', '一般', '较差'])[place + 1], place,
       (ARRAY[95, 85, 70, 40])[place + 1] * 1000 + lot(id, 81, 50) * 100, 1, 1, CURRENT_DATE - 30,
       CURRENT_DATE + 335, ''
FROM (SELECT *, (ARRAY[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3])[1 + lot(id, 82, 20)] AS place
      FROM ratings_pharmacy WHERE lot(id, 83, 100) > 0) one
"""
# Half of those who were suspended are so still.
_SUSPENDED: Final = (
    "DELETE FROM ratings_servicestatus WHERE status = 'IN_SERVICE' AND lot(pharmacy_id, 84, 2) = 0"
)


def prepare(size: int) -> dict[str, Any]:
    """Give the set's pharmacies places and published grades, and let residents find them."""
    params = {
        "size": size,
        "cities": max(2, size // 1600),
        "districts": max(6, size // 180),
        "first": _FIRST,
        "second": _SECOND,
        "characters": _CHARACTERS,
        "brands": _BRANDS,
        "roads": _ROADS,
        "kinds": _KINDS,
        "companies": _COMPANIES,
    }
    with connection.cursor() as cursor:
        # Neither versions of the registry nor a signed publication are wanted here.
        cursor.execute("SET session_replication_role = replica")
        for statement in (_LOT, _CITIES, _SHOPS, _PLACED):
            cursor.execute(statement, params)
        cursor.execute("TRUNCATE ratings_publishedgrade, ratings_publication")
        cursor.execute(_GRADES, {"scheme": _published(size)})
        cursor.execute(_SUSPENDED)
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("VACUUM ANALYZE ratings_pharmacy, ratings_publishedgrade, ratings_servicestatus")
    start = time.perf_counter()
    written = refresh_places()
    return {"refresh": time.perf_counter() - start, "written": written}


def _published(size: int) -> str:
    """A publication for the rows to belong to; its scheme, as rows name it."""
    period, scheme = Period.parse("2099"), scheme_in_force(SCHEME, Period.parse(PERIOD).last)
    named = {"period": period.code, "period_end": period.last}
    now = timezone.now()
    run = RatingRun.objects.create(
        **named, scheme=scheme, scheme_sha256=scheme.sha256, cutoff=now, started_by="基准"
    )
    life = RatingPeriod.objects.create(**named, run=run, opened_by="基准")
    Publication.objects.create(
        number=1, event="PERIODIC", period=life, at=now, published_by="基准", first_seq=1, last_seq=size, rows=size,
        merkle_root="0" * 64, statement="", statement_sha256="0" * 64, fingerprints=b"", signature="0" * 128,
        public_key="0" * 64,
    )  # fmt: skip
    return f"{scheme.key}@{scheme.version}"
