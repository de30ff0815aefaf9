"""The ledger: publications with their fingerprints and signatures, verified here; the published grades."""

import json
import tempfile
import time
from typing import Any, BinaryIO, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.desk.history import Names, published_badge, scheme_names, validity
from ratings.admin.exports import ExportAdmin
from ratings.admin.filters import DistrictFilter
from ratings.admin.search import SearchedByPharmacy
from ratings.models import Adjustment, District, Publication, PublishedGrade, RatingPeriod
from ratings.published import write_publication
from ratings.services import verification
from ratings.services.audit import Actor, record

#: Rows verified a second, roughly; the page of a larger publication says how long it takes.
_ROWS_A_SECOND = 20_000
_LARGE = 40_000
#: Findings that the page lists.
_SHOWN = 100


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    """Who may see, download and verify: the view permission; what was published is not narrowed by district."""

    list_display = ("number_shown", "event", "period_name", "when", "published_by", "row_count", "root")
    list_display_links = ("number_shown",)
    list_select_related = ("period__district",)
    list_filter = (("event", ChoicesDropdownFilter),)
    search_fields = ("=number",)
    search_help_text = "发布号"
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("<int:number>/file/", self.file_view, "file"),
            ("<int:number>/verify/", require_POST(self.verify_view), "verify"),
        )
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Without what only verification reads: eight bytes for every row."""
        return super().get_queryset(request).defer("fingerprints", "statement")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One publication: what, who, when; the root, the one before, the signature."""
        row: Publication = self.visible_or_404(request, object_id)
        return self._page(request, row)

    def _page(self, request: HttpRequest, row: Publication, **verdict: Any) -> HttpResponse:
        previous = Publication.objects.filter(number=row.number - 1).only("number").first()
        following = Publication.objects.filter(number=row.number + 1).only("number").first()
        return self.page(
            request,
            "ratings/admin/desk/publication.html",
            f"发布 {row.number}",
            row=row,
            facts=self._facts(request, row),
            marks=[
                ("默克尔根", row.merkle_root),
                ("上一发布的指纹", row.previous or "（第一次发布）"),
                ("声明指纹", row.statement_sha256),
                ("签名（Ed25519）", row.signature),
                ("公钥", row.public_key),
            ],
            statement=json.dumps(json.loads(row.statement), ensure_ascii=False, indent=2),
            previous_url=show.change_url(previous) if previous else "",
            following_url=show.change_url(following) if following else "",
            grades_url=show.list_url(PublishedGrade, publication__number__exact=row.number),
            file_url=reverse("admin:ratings_publication_file", args=(row.number,)),
            verify_url=reverse("admin:ratings_publication_verify", args=(row.number,)),
            takes=f"约 {max(1, row.rows // _ROWS_A_SECOND)} 秒" if row.rows > _LARGE else "",
            **verdict,
        )

    def _facts(self, request: HttpRequest, row: Publication) -> list[tuple[str, Any]]:
        facts: list[tuple[str, Any]] = [
            ("种类", row.get_event_display()),
            ("评价周期", show.link(show.row_url(RatingPeriod, row.period_id), self.period_name(row))),
            ("发布时间", show.moment(row.at)),
            ("发布人", row.published_by),
            ("行数", f"{row.rows:,}"),
            ("序号", f"{row.first_seq:,} 至 {row.last_seq:,}"),
        ]
        if row.adjustment_id:
            url = show.row_url(Adjustment, row.adjustment_id)
            facts.append(("等级调整", show.link(url, f"等级调整 #{row.adjustment_id}")))
        return facts

    def file_view(self, request: HttpRequest, number: int) -> HttpResponseBase:
        """The published file, which the stand-alone verifier reads; on record."""
        row: Publication = self.visible_or_404(request, number)
        file = tempfile.TemporaryFile()  # noqa: SIM115 -- the answer closes it
        write_publication(row.number, cast(BinaryIO, file))
        file.seek(0)
        record("导出", row, by=Actor.of(request), rows=row.rows, root=row.merkle_root)
        return FileResponse(file, as_attachment=True, filename=f"publication-{row.number}.txt")

    def verify_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Reckons the publication again from the database and says what does not fit; on record."""
        row: Publication = self.visible_or_404(request, number)
        began = time.monotonic()
        found = [str(finding) for finding in verification.verify_publications([row.number])]
        record("核验发布", row, by=Actor.of(request), sound=not found, findings=found[:_SHOWN])
        return self._page(
            request,
            row,
            verified=True,
            findings=found[:_SHOWN],
            more_findings=len(found) - _SHOWN if len(found) > _SHOWN else 0,
            seconds=f"{time.monotonic() - began:.1f}",
        )

    @display(description="发布号", ordering="number")
    def number_shown(self, row: Publication) -> str:
        return str(row.number)

    @display(description="评价周期")
    def period_name(self, row: Publication) -> str:
        return f"{show.period_label(row.period.period)} {row.period.scope}"

    @display(description="发布时间")
    def when(self, row: Publication) -> str:
        return show.moment(row.at)

    @display(description="行数")
    def row_count(self, row: Publication) -> str:
        return show.number(row.rows)

    @display(description="默克尔根")
    def root(self, row: Publication) -> str:
        return f"{row.merkle_root[:16]}…"


class GradeChangeList(ChangeList):
    """Gives the rows the names of their schemes' grades and districts, read once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[PublishedGrade] = list(self.result_list)  # type: ignore[has-type]
        names = scheme_names(rows)
        districts = dict(
            District.objects.filter(code__in={row.district for row in rows}).values_list("code", "name")
        )
        for row in rows:
            row.names, row.place = names, districts.get(row.district, str(row.district))  # type: ignore[attr-defined]
        self.result_list = rows


@admin.register(PublishedGrade)
class PublishedGradeAdmin(SearchedByPharmacy, ExportAdmin, ReadOnlyAdmin):
    """Who may see: the view permission, rows of the own districts. One row is one change of a public grade."""

    list_display = (
        "seq",
        "shop",
        "district_name",
        "event",
        "grade_shown",
        "points",
        "period_name",
        "holds",
        "reason",
    )
    list_display_links = ("seq", "shop")
    list_filter = (DistrictFilter, ("event", ChoicesDropdownFilter))
    linked_by = ("publication__number__exact", "pharmacy__id__exact")
    search_fields = ("code",)
    ordering = ("-seq",)
    sortable_by = ()
    export_columns = (
        ("序号", lambda row: row.seq),
        ("发布号", lambda row: row.publication_id),
        ("定点编码", lambda row: row.code),
        ("药店", lambda row: row.name),
        ("区县代码", lambda row: row.district),
        ("种类", lambda row: row.get_event_display()),
        ("评价周期", lambda row: row.period),
        ("评价规则", lambda row: row.scheme),
        ("公布等级", lambda row: row.grade or "无等级"),
        ("信用分", lambda row: None if row.score is None else show.points_number(row.score)),
        ("生效日", lambda row: row.valid_from),
        ("失效日", lambda row: row.valid_until),
        ("说明", lambda row: row.reason),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return GradeChangeList

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One row of the ledger, with what stands before and after it."""
        row: PublishedGrade = self.visible_or_404(request, object_id)
        around = list(PublishedGrade.objects.filter(pharmacy=row.pharmacy_id).order_by("-seq")[:50])
        names = scheme_names([*around, row])
        return self.page(
            request,
            "ratings/admin/desk/published.html",
            f"公布等级 #{row.seq}",
            row=row,
            badge=published_badge(row, names),
            facts=_facts(request, row),
            history=[
                (
                    show.link(show.change_url(each), f"#{each.seq}")
                    if each.pk != row.pk
                    else f"#{each.seq}（本行）",
                    each.get_event_display(),
                    published_badge(each, names),
                    show.period_label(each.period),
                    validity(each),
                    each.reason or "—",
                )
                for each in around
            ],
        )

    @display(description="药店")
    def shop(self, row: PublishedGrade) -> SafeString:
        return show.two_lines(row.name, row.code)

    @display(description="区县")
    def district_name(self, row: Any) -> str:
        return row.place

    @display(description="公布等级")
    def grade_shown(self, row: Any) -> SafeString:
        names: Names = row.names
        return published_badge(row, names)

    @display(description="信用分")
    def points(self, row: PublishedGrade) -> str:
        return "—" if row.score is None else show.points(row.score)

    @display(description="评价周期")
    def period_name(self, row: PublishedGrade) -> str:
        return show.period_label(row.period)

    @display(description="效力")
    def holds(self, row: PublishedGrade) -> str:
        return validity(row)


def _facts(request: HttpRequest, row: PublishedGrade) -> list[tuple[str, Any]]:
    number = f"{row.publication_id}"
    sees = request.user.has_perm("ratings.view_publication")
    return [
        ("发布号", show.link(show.row_url(Publication, row.publication_id), number) if sees else number),
        ("种类", row.get_event_display()),
        ("评价周期", show.period_label(row.period)),
        ("评价规则", row.scheme),
        ("评价批次", f"#{row.run}"),
        ("信用分", "—" if row.score is None else show.points(row.score)),
        ("区县排名", row.rank_district or "—"),
        ("全市排名", row.rank_city or "—"),
        ("效力", validity(row)),
        ("说明", row.reason or "—"),
    ]
