"""Server time and queries of every page of the admin and of public notice, in a working province.

Pages are taken from the table of addresses, so that a new one is measured by itself: lists (first,
second and last page, each filter, each order, searches), forms, one row in each state, and the
steps that it allows. Only pages that answer 200 to GET count; files to download are left out.
"""

import logging
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import cache
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from ratings.admin.insight.menu import PAGES
from ratings.models import District, IssuedDocument, Pharmacy, PublishedGrade, RatingPeriod
from ratings.services.audit import Actor
from ratings.services.links import issue_link
from tests.benchmarks.report import Table
from tests.benchmarks.scratch import database, job

#: No page may take longer, in a province of 30,000 pharmacies.
MOST_MS = 300
#: Who looks, and whether all variants of lists are asked for (else the lists as they open).
PEOPLE = (
    ("reviewer", True),
    ("reviewer-district", True),
    ("inspector", False),
    ("root", False),
    ("", False),
)
#: Pages of figures keep what never changes; the first look after a change is measured as well.
_FIGURES, _COLD = "figures: ", ", nothing kept"
_NO_PAGES = ("jsi18n", "logout", "autocomplete", "view_on_site", "password_change")
#: The row of a table that most hangs on.
_RICHEST = {
    "pharmacy": "SELECT pharmacy_id FROM ratings_violation GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1",
    "enterprise": "SELECT enterprise_id FROM ratings_pharmacy GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
    "auditevent": "SELECT id FROM ratings_auditevent ORDER BY length(detail::text) DESC LIMIT 1",
    "publication": "SELECT number FROM ratings_publication ORDER BY rows DESC LIMIT 1",
}
#: The first page of a list and its count, as one would write them by hand.
_BY_HAND = {
    "rating": """
        SELECT count(*) FROM (SELECT 1 FROM ratings_rating WHERE run_id = %(run)s LIMIT 10001) one;
        SELECT r.id, r.grade, r.score, r.rank_city, r.rank_district, p.code, p.name, d.name
        FROM ratings_rating r JOIN ratings_pharmacy p ON p.id = r.pharmacy_id
        JOIN ratings_district d ON d.code = r.district_id
        WHERE r.run_id = %(run)s ORDER BY r.grade DESC, r.pharmacy_id LIMIT 50""",
    "reviewitem": """
        SELECT count(*) FROM (SELECT 1 FROM ratings_reviewitem WHERE period_id = %(period)s LIMIT 10001) one;
        SELECT i.*, r.grade, r.score, p.code, p.name, d.name
        FROM ratings_reviewitem i JOIN ratings_rating r ON r.id = i.rating_id
        JOIN ratings_pharmacy p ON p.id = r.pharmacy_id JOIN ratings_district d ON d.code = r.district_id
        WHERE i.period_id = %(period)s ORDER BY i.confirmed_at NULLS FIRST, i.remarks DESC, i.id LIMIT 50""",
    "publishedgrade": """
        SELECT count(*) FROM (SELECT 1 FROM ratings_publishedgrade LIMIT 10001) one;
        SELECT * FROM ratings_publishedgrade ORDER BY seq DESC LIMIT 50""",
    "pharmacy": """
        SELECT count(*) FROM (SELECT 1 FROM ratings_pharmacy LIMIT 10001) one;
        SELECT p.*, d.name, e.name FROM ratings_pharmacy p JOIN ratings_district d ON d.code = p.district_id
        LEFT JOIN ratings_enterprise e ON e.id = p.enterprise_id ORDER BY p.code LIMIT 50""",
}


@dataclass
class Page:
    """One sort of page, as the slowest of its addresses and people was."""

    ms: float = 0
    most: float = 0
    python: float = 0
    sql: float = 0
    queries: int = 0
    size: int = 0
    who: str = ""
    address: str = ""
    asked: int = 0

    def slowest(self, rows: list["Answer"], name: str, address: str) -> None:
        """Take these answers to one address, where they were slower than those to another."""
        self.asked += 1
        taken = median(row.ms for row in rows)
        if taken > self.ms:
            self.ms, self.most = taken, max(row.ms for row in rows)
            self.python, self.sql = (median(getattr(row, part) for row in rows) for part in ("python", "sql"))
            self.queries, self.size = rows[-1].queries, rows[-1].size
            self.who, self.address = name or "anybody", address


@dataclass
class Answer:
    """What came back, and what it took: milliseconds in all, of processor in Python, of the database."""

    #: 0 for a file to download
    status: int
    ms: float
    python: float
    sql: float
    queries: int
    size: int


@dataclass
class Watch:
    """Counts what goes to the database; COPY, by which facts are read, goes past it."""

    queries: int = 0
    seconds: float = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.queries += 1
            self.seconds += time.perf_counter() - start


class Visitor:
    """A person at the admin: a browser and, for asking the admin itself, a request."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Pages that a visitor may not see are asked for on purpose; their refusals are no news.
        logging.getLogger("django.request").setLevel(logging.CRITICAL)
        self.client = Client(raise_request_exception=False, HTTP_HOST="localhost")
        self.request: HttpRequest = RequestFactory().get("/", HTTP_HOST="localhost")
        self.request.user = User.objects.get(username=name) if name else AnonymousUser()
        if name:
            self.client.force_login(self.request.user)

    def get(self, address: str) -> Answer:
        """Ask for an address, to the last byte."""
        watch = Watch()
        start, start_cpu = time.perf_counter(), time.process_time()
        with connection.execute_wrapper(watch):
            answer = self.client.get(address)
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return Answer(
            status=0 if "attachment" in answer.headers.get("Content-Disposition", "") else answer.status_code,
            ms=(time.perf_counter() - start) * 1000,
            python=(time.process_time() - start_cpu) * 1000,
            sql=watch.seconds * 1000,
            queries=watch.queries,
            size=len(content),
        )


def _routes(
    resolver: URLResolver, space: str = "", held: frozenset[str] = frozenset()
) -> Iterator[tuple[str, frozenset[str]]]:
    """(name, arguments) of every named address."""
    for each in resolver.url_patterns:
        names = held | frozenset(each.pattern.regex.groupindex)
        if isinstance(each, URLResolver):
            yield from _routes(each, f"{space}{each.namespace}:" if each.namespace else space, names)
        elif isinstance(each, URLPattern) and each.name:
            yield f"{space}{each.name}", names


def _model_of(name: str) -> type[Model] | None:
    """The model whose admin an address belongs to."""
    for model in admin.site._registry:
        if name.startswith(f"admin:{model._meta.app_label}_{model._meta.model_name}_"):
            return model
    return None


def _rows(model: type[Model], visitor: Visitor) -> list[Any]:
    """Rows that the visitor sees: the first, the last, one in each state, the richest."""
    found: QuerySet = admin.site._registry[model].get_queryset(visitor.request).order_by("pk")
    keys = [found.values_list("pk", flat=True).first(), found.values_list("pk", flat=True).last()]
    if any(each.name == "state" for each in model._meta.fields) and model._meta.model_name != "rating":
        states = found.order_by().values_list("state", flat=True).distinct()
        keys += [found.filter(state=state).values_list("pk", flat=True).last() for state in states]
    if sql := _RICHEST.get(str(model._meta.model_name)):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            keys += [key for (key,) in cursor.fetchall() if found.filter(pk=key).exists()]
    return [found.get(pk=key) for key in dict.fromkeys(keys) if key is not None]


class Arguments:
    """What can stand in an address, by the name of its part."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.models = {
            str(model._meta.model_name): model for model in apps.get_app_config("ratings").get_models()
        }
        life = RatingPeriod.objects.get(state="PUBLIC_NOTICE")
        self.plain: dict[str, list[Any]] = {
            "period": [life.period],
            "district": list(District.objects.values_list("code", flat=True)[:2]),
            "code": list(District.objects.values_list("code", flat=True)[:1]),
            "app_label": ["ratings"],
            "kind_id": ["payments"],
        }
        #: parts that do not say which model's key they are
        self.keys = {"batch_id": "importbatch", "run_id": "ratingrun", "period_id": "ratingperiod"}
        self.keys["number"] = "publication"
        self.life = life

    def of(self, name: str, parts: frozenset[str]) -> list[dict[str, Any]] | None:
        """Sets of arguments for an address; None where a part is not known here."""
        model = _model_of(name)
        if {"pk", "name"} <= parts and model is not None:
            site = admin.site._registry[model]
            return [
                {"pk": row.pk, "name": act.name}
                for row in _rows(model, self.visitor)
                for act in site.acts_of(self.visitor.request, row)  # type: ignore[attr-defined]
            ]
        choices = []
        for part in sorted(parts):
            if part in {"object_id", "pk"} and model is not None:
                choices.append([row.pk for row in _rows(model, self.visitor)])
            elif part == "token":
                rating = self.life.run.ratings.filter(grade__gte=0).order_by("pk")[len(self.visitor.name)]
                choices.append([issue_link(rating, by=Actor("经办甲"))])
            elif name == "public:document":
                choices.append(list(IssuedDocument.objects.values_list("code", flat=True)[:1]))
            elif part in self.plain:
                choices.append(self.plain[part])
            elif owner := self.models.get(self.keys.get(part, part.removesuffix("_id"))):
                choices.append([row.pk for row in _rows(owner, self.visitor)])
            else:
                return None
        return [dict(zip(sorted(parts), values, strict=True)) for values in product(*choices)]


def _variants(model: type[Model], visitor: Visitor, whole: bool) -> Iterator[tuple[str, str]]:
    """(variant, query) of a list: as it opens and, where ``whole``, as it can be asked for."""
    yield "list", ""
    if not whole:
        return
    site = admin.site._registry[model]
    listed = site.get_changelist_instance(visitor.request)
    yield from (("list, page 2", "p=2"), ("list, last page", f"p={max(1, listed.paginator.num_pages)}"))
    filters = {name: values for spec in listed.filter_specs for name, values in [_choices(spec)] if values}
    for name, values in filters.items():
        for value in values:
            yield f"list, by {name}", f"{name}={value}"
            if "district" in filters and name != "district":
                yield "list, by district and another", f"district={filters['district'][0]}&{name}={value}"
    for place, column in enumerate(listed.list_display):
        if column in (listed.sortable_by or ()) and listed.get_ordering_field(column):
            yield "list, in another order", f"o={place}"
            yield "list, in another order", f"o=-{place}"
    if site.get_search_fields(visitor.request):
        shop = Pharmacy.objects.order_by("-pk")[7]
        yield "list, search by code", f"q={shop.code}"
        yield "list, search by part of a code", f"q={shop.code[:8]}"
        yield "list, search by name", f"q={shop.name}"
        yield "list, search by common word", "q=药店"
        yield "list, search in vain", "q=没有这个名称"


def _choices(spec: Any) -> tuple[str, list[Any]]:
    """The name of a filter in addresses, and the first two and the last of its choices."""
    name = getattr(spec, "lookup_kwarg", None) or getattr(spec, "parameter_name", None) or ""
    if hasattr(spec, "lookup_choices"):
        values = [choice[0] for choice in spec.lookup_choices]
    elif getattr(spec, "field", None) is not None and spec.field.flatchoices:
        values = [choice[0] for choice in spec.field.flatchoices]
    elif type(spec).__name__.startswith("Range"):
        return f"{name}_from_0", ["2024-01-01"]
    else:
        values = ["1", "0"] if "Boolean" in type(spec).__name__ else []
    return name, list(dict.fromkeys([*values[:2], *values[-1:]]))


def _addresses(visitor: Visitor, whole: bool) -> Iterator[tuple[str, str]]:
    """(page, address) of everything that a person can ask for; "" as an address for what is not known."""
    known = Arguments(visitor)
    for name, parts in sorted(set(_routes(get_resolver())), key=lambda route: (route[0], sorted(route[1]))):
        if not name.startswith(("admin:", "public:")) or name.endswith(_NO_PAGES):
            continue
        if (not visitor.name) != name.startswith("public:"):
            continue
        model = _model_of(name)
        if model is not None and not admin.site._registry[model].has_view_permission(visitor.request):
            continue
        short = name.removeprefix("admin:").removeprefix("ratings_").replace("_", " ")
        found = known.of(name, parts)
        if found is None:
            yield f"{short} ({', '.join(sorted(parts))})", ""
        elif model is not None and name.endswith("_changelist"):
            for variant, query in _variants(model, visitor, whole):
                yield short.replace("changelist", variant), f"{reverse(name)}?{query}"
        else:
            for arguments in found:
                yield short, reverse(name, kwargs=arguments)
    if not visitor.name:
        yield from _residents()
    else:
        yield from _figures()
        for field_name in ("predecessor", "enterprise"):
            query = f"app_label=ratings&model_name=pharmacy&field_name={field_name}&term=药"
            yield f"choosing a {field_name} by typing", f"{reverse('admin:autocomplete')}?{query}"


def _figures() -> Iterator[tuple[str, str]]:
    """Pages of figures: as they open, of one district, and of all years."""
    district = District.objects.order_by("code").values_list("code", flat=True)[0]
    for name in (*(page.name for page in PAGES), "movers"):
        address = reverse(f"insight:{name}")
        yield f"{_FIGURES}{name}", address
        yield f"{_FIGURES}{name} of a district", f"{address}?district={district}"
        if name in ("work", "discretion", "supervision"):
            yield f"{_FIGURES}{name} of all years", f"{address}?start=2020-01-01"


def _residents() -> Iterator[tuple[str, str]]:
    """Pages of the residents' application; its searches by place are measured in ``lookup.py``."""
    shop = PublishedGrade.objects.order_by("-pk")[7]
    search = reverse("pharmacy_lookup:search")
    yield "residents: first page", search
    yield "residents: a district by grade", f"{search}?district={shop.district}&ordering=grade"
    yield "residents: a common word", f"{search}?q=药店"
    yield "residents: a word in vain", f"{search}?q=没有这个名称"
    yield "residents: a pharmacy", reverse("pharmacy_lookup:pharmacy", args=[shop.code])
    yield "residents: open data", reverse("pharmacy_lookup:open_data")
    yield "residents: a publication", reverse("pharmacy_lookup:open_data_publication", args=[1])
    yield "residents: verify a code", f"{reverse('pharmacy_lookup:verify')}?code={shop.code}"
    yield "API: a pharmacy", reverse("pharmacy_lookup_api:detail", args=[shop.code])
    yield "API: its history", reverse("pharmacy_lookup_api:history", args=[shop.code])


def measure(rounds: int, folder: str) -> dict[str, Any]:
    """Ask for every page and time it, after one warm-up; the slowest of each sort."""
    settings.MEDIA_ROOT = folder
    pages: dict[str, Page] = defaultdict(Page)
    unknown, failed = set(), set()
    for name, whole in PEOPLE:
        visitor = Visitor(name)
        for title, address in list(_addresses(visitor, whole)):
            if not address:
                unknown.add(title)
                continue
            first = visitor.get(address)
            if first.status >= 500:
                failed.add(f"{first.status} {address} ({name})")
            if first.status != 200:
                continue
            pages[title].slowest([visitor.get(address) for _ in range(rounds)], name, address)
            if title.startswith(_FIGURES):
                cold = []
                for _ in range(rounds):
                    cache.clear()
                    cold.append(visitor.get(address))
                pages[title + _COLD].slowest(cold, name, address)
    return {
        "pages": {title: vars(page) for title, page in sorted(pages.items())},
        "unknown": sorted(unknown),
        "failed": sorted(failed),
        "by_hand": {name: _by_hand(sql, rounds) for name, sql in _BY_HAND.items()},
    }


def _by_hand(sql: str, rounds: int) -> float:
    """Milliseconds of hand-written statements, after one warm-up."""
    life = RatingPeriod.objects.get(state="UNDER_REVIEW")
    taken = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        with connection.cursor() as cursor:
            for statement in sql.split(";"):
                cursor.execute(statement, {"run": life.run_id, "period": life.pk})
                cursor.fetchall()
        taken.append((time.perf_counter() - start) * 1000)
    return median(taken[1:])


def bench(name: str, size: int, rounds: int) -> Table:
    """In a database of its own, so that no other benchmark finds the province's periods."""
    with database(f"{name}_pages") as own, tempfile.TemporaryDirectory() as folder:
        job(own, "tests.benchmarks.data:build", size=size)
        built = job(own, "tests.benchmarks.province:build", size=size, folder=folder)
        done = job(own, "tests.benchmarks.pages:measure", rounds=rounds, folder=folder)
    return report(done, size, built)


def report(done: dict[str, Any], size: int, built: dict[str, Any]) -> Table:
    """A line a page: median, queries, share of the database, worst round."""
    pages = done["pages"]
    table = Table(f"pages of a province of {size:,} pharmacies (built in {built['seconds']:.0f} s)")
    for title, page in pages.items():
        remark = f"most {page['most'] / 1000:.3f}; Python {page['python']:4.0f} ms, "
        remark += f"{page['queries']:2d} queries {page['sql']:4.0f} ms; {page['size'] / 1024:3.0f} KiB; {page['who']}"
        if page["ms"] > MOST_MS:
            remark += f"  <== above {MOST_MS} ms: {page['address']}"
        table.add(title, page["ms"] / 1000, remark)
    for name, taken in done["by_hand"].items():
        ratio = pages[f"{name} list"]["ms"] / taken
        table.add(f"{name} list by hand", taken / 1000, f"SQL alone; the page / SQL = {ratio:.1f}")
    for what in ("unknown", "failed"):
        for text in done[what]:
            table.add(what, None, text)
    slow = [title for title, page in pages.items() if page["ms"] > MOST_MS]
    asked = sum(page["asked"] for page in pages.values())
    table.add(
        "", None, f"{len(pages)} pages, {asked} addresses; above {MOST_MS} ms: {', '.join(slow) or 'none'}"
    )
    return table
