"""Looking enterprises up: profiles against hand-written SQL of the same content, the page, the report, the search.

``enterprise_filling.py`` fills the database; each enterprise has one pharmacy, one has 300. Ours and the SQL take
turns, over enterprises spread over all, each asked for once and so as cold as it comes.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from statistics import median, quantiles
from typing import Any, Final

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from applications.clients.models import Organisation
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import CreditSubject
from applications.enterprise_credit.profiles import profile
from applications.enterprise_credit.searching import search
from applications.enterprise_credit.viewing import Viewer
from tests.benchmarks import enterprise_filling as filling
from tests.benchmarks.report import Table
from tests.benchmarks.scratch import job

HERE: Final = "tests.benchmarks.enterprise_profile"
#: The department that sees most.
DEPARTMENT: Final = "ybj"
ENTERPRISES: Final = 300
SEARCHES: Final = 40
#: What an official may see of one enterprise, as one who knows the tables writes it down: four statements.
_PEER: Final = (
    """SELECT c.*, s.*, a.*, (SELECT document FROM enterprise_credit_ruledocument
                             WHERE kind = 'ENTERPRISE_RULE' AND key || '@' || version = a.rule)
       FROM enterprise_credit_creditsubject c
       LEFT JOIN enterprise_credit_standing s ON s.subject_id = c.uscc
       LEFT JOIN enterprise_credit_assessment a ON a.id = s.assessment_id WHERE c.uscc = %(uscc)s""",
    """SELECT "on", score, grade, position FROM enterprise_credit_assessment WHERE subject_id = %(uscc)s
       ORDER BY id DESC LIMIT 200""",
    """SELECT p.code, p.name, d.name, p.address, p.designated_on, p.designated_until, g.*, act.at, life.period_end,
              EXISTS (SELECT FROM ratings_rating r JOIN ratings_objection o ON o.rating_id = r.id
                      WHERE r.run_id = g.run AND r.pharmacy_id = p.id AND o.state NOT IN ('WITHDRAWN', 'DECIDED'))
       FROM ratings_enterprise e JOIN ratings_pharmacy p ON p.enterprise_id = e.id
       JOIN ratings_district d ON d.code = p.district_id
       LEFT JOIN ratings_publishedgrade g ON g.pharmacy_id = p.id
       LEFT JOIN ratings_publication act ON act.number = g.publication_id
       LEFT JOIN ratings_ratingperiod life ON life.id = act.period_id
       WHERE e.uscc = %(uscc)s ORDER BY p.code, g.seq""",
    """SELECT r.*, count(*) OVER (PARTITION BY r.record_type) FROM enterprise_credit_creditrecord r
       WHERE r.subject_id = %(uscc)s AND r.voided_at IS NULL AND r.record_type = ANY(%(types)s)
         AND r.valid_from <= %(on)s AND (r.valid_until IS NULL OR r.valid_until > %(on)s)
       ORDER BY r.record_type, r.decided_on DESC""",
)


class _Official:
    """Who looks, and at what day."""

    def __init__(self) -> None:
        self.on: date = timezone.localdate()
        self.catalogue = catalogue_on(self.on)
        self.viewer = Viewer(Organisation.objects.get(key=DEPARTMENT), "基准")
        self.types = [one.key for one in self.catalogue.visible_types(DEPARTMENT)]

    def ours(self, uscc: str) -> None:
        if profile(uscc, self.viewer, self.catalogue, self.on) is None:
            raise SystemExit(f"no enterprise {uscc}")

    def peer(self, uscc: str) -> None:
        params = {"uscc": uscc, "types": self.types, "on": self.on}
        with connection.cursor() as cursor:
            for sql in _PEER:
                cursor.execute(sql, params)
                cursor.fetchall()


def _timed(act: Callable[[str], object], codes: Iterable[str]) -> list[float]:
    taken = []
    for code in codes:
        start = time.perf_counter()
        act(code)
        taken.append(time.perf_counter() - start)
    return taken


def profiles(size: int, offset: int) -> dict[str, Any]:
    """Seconds of profiles and of the SQL in turns, and of the chain; how many queries each took."""
    who = _Official()
    codes = filling.some_codes(min(2 * ENTERPRISES, size), size)[offset % 2 :: 2]
    who.ours(codes[0]), who.peer(codes[0])
    ours, peer = [], []
    for place, code in enumerate(codes[1:]):
        acts = (who.ours, who.peer) if place % 2 else (who.peer, who.ours)
        for act in acts:
            (ours if act == who.ours else peer).extend(_timed(act, [code]))
    with CaptureQueriesContext(connection) as one:
        who.ours(codes[0])
    chain = filling.chain()
    with CaptureQueriesContext(connection) as many:
        who.ours(chain)
    return {
        "ours": ours,
        "peer": peer,
        "queries": [len(one), len(many)],
        "chain": _timed(who.ours, [chain] * 5),
        "chain_peer": _timed(who.peer, [chain] * 5),
    }


def pages(size: int) -> dict[str, Any]:
    """Seconds of whole requests for the page, sign-in and record of looks included; of one chain, and its report."""
    from django.test import Client as Browser

    from applications.enterprise_credit.roles import OFFICER, grant_roles
    from tests.enterprise_credit import building

    grant_roles()
    browser = Browser()
    browser.force_login(building.member(DEPARTMENT, OFFICER))

    def open_one(uscc: str) -> None:
        answer = browser.post(
            "/admin/enterprise_credit/creditsubject/open/", {"uscc": uscc, "purpose": "supervision"}
        )
        if answer.status_code != 302 or uscc not in answer["Location"]:
            raise SystemExit(f"{answer.status_code} {uscc}")

    def read(uscc: str) -> None:
        if browser.get(f"/admin/enterprise_credit/creditsubject/{uscc}/change/").status_code != 200:
            raise SystemExit(uscc)

    def report(uscc: str) -> None:
        if browser.post(f"/admin/enterprise_credit/creditsubject/{uscc}/report.pdf").status_code != 200:
            raise SystemExit(uscc)

    codes, chain = filling.some_codes(51, size), filling.chain()
    open_one(codes[0]), read(codes[0])
    opened, seen = [], []
    for code in codes[1:]:
        opened += _timed(open_one, [code])
        seen += _timed(read, [code])
    open_one(chain)
    return {
        "open": opened,
        "page": seen,
        "chain": _timed(read, [chain] * 3),
        "report": _timed(report, codes[-3:]),
    }


def searches(size: int) -> dict[str, Any]:
    """Seconds of searches: whole names, parts of them, pinyin, first letters, common words, codes, nothing."""
    from pypinyin import lazy_pinyin

    rows = CreditSubject.objects.filter(pk__in=filling.some_codes(SEARCHES, size))
    names = list(rows.values_list("name", flat=True))
    spelled = [lazy_pinyin(name) for name in names]
    asked = {
        "whole name": names,
        "four characters": [name[:4] for name in names],
        "two characters": [name[2:4] for name in names],
        "pinyin": ["".join(syllables[:4]) for syllables in spelled],
        "first letters": ["".join(one[0] for one in syllables[:5]) for syllables in spelled],
        "common words": ["大药房", "有限公司", "dayaofang", "yx", "绍兴 药房"],
        "codes": filling.some_codes(SEARCHES, size),
        "nothing": ["没有这样的企业", "xyzxyzxyz", "龘龘"],
    }
    for typed in ("大药房", "mingzhou"):
        search(typed)
    return {kind: _timed(search, typed) for kind, typed in asked.items()}


def bench(database: str, size: int, rounds: int) -> Table:
    """Fill, then measure."""
    table = Table(f"looking enterprises up, {size:,} enterprises")
    found = [job(database, f"{HERE}:profiles", size=size, offset=number) for number in range(rounds)]
    ours = [seconds for one in found for seconds in one["ours"]]
    peer = [seconds for one in found for seconds in one["peer"]]
    ratios = [median(one["ours"]) / median(one["peer"]) for one in found]
    one, many = found[0]["queries"]
    table.add(
        "profile, median",
        median(ours),
        f"p99 {_p99(ours):.3f} s; SQL {median(peer):.4f} s; ours / SQL = {median(ratios):.2f}; {one} queries",
    )
    chain = median(seconds for one in found for seconds in one["chain"])
    chain_peer = median(seconds for one in found for seconds in one["chain_peer"])
    told = f"SQL {chain_peer:.4f} s; ours / SQL = {chain / chain_peer:.2f}; {many} queries"
    table.add(f"profile of {filling.CHAIN} pharmacies", chain, told)
    whole = job(database, f"{HERE}:pages", size=size)
    table.add("opening, whole request", median(whole["open"]), f"p99 {_p99(whole['open']):.3f} s")
    table.add("page, whole request", median(whole["page"]), f"p99 {_p99(whole['page']):.3f} s")
    table.add(f"page of {filling.CHAIN} pharmacies", median(whole["chain"]))
    table.add("report (PDF), whole request", median(whole["report"]))
    for kind, seconds in job(database, f"{HERE}:searches", size=size).items():
        if isinstance(seconds, list):
            table.add(f"search, {kind}", median(seconds), f"slowest {max(seconds):.3f} s")
    return table


def _p99(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100)[-1] if len(seconds) > 1 else seconds[0]
