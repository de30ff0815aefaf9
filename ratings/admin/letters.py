"""Letters (告知书): asked for by the period or district, written, looked after, and handed out as files."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError
from unfold.decorators import display

from ratings.admin import show
from ratings.admin.asking import ask
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.desk.standings import rating_in_full
from ratings.admin.issuing import issue_page
from ratings.admin.on_record import refuse
from ratings.admin.scope import sees_whole_city, visible
from ratings.models import District, IssuedDocument, LetterBatch, NoticeLink, Rating, RatingPeriod
from ratings.reports import letter_batches, letter_files
from ratings.reports.letter import issue_letter
from ratings.services import letters
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused
from ratings.tasks import write_letters

#: For so many seconds a request writes, where there are no workers.
_SECONDS: Final = 15
#: Faults and gaps that a page shows.
_SHOWN: Final = 200


@admin.register(LetterBatch)
class LetterBatchAdmin(ReadOnlyAdmin):
    """Who may see: the view permission, batches of the own districts; those of the whole city for those who
    work for it. Who may ask for letters, go on and try again: the add permission. Who may have files: who may
    see, and with links in them those who may issue links."""

    list_display = ("number", "period_name", "place", "links", "asked", "state")
    list_display_links = ("number", "period_name")
    list_select_related = ("period", "period__district", "district")
    linked_by = ("period__id__exact",)
    sortable_by = ()

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("start/<int:period_id>/", self.start_view, "start"),
            ("start/<int:period_id>/<int:code>/", self.start_view, "start_district"),
            ("single/<int:rating_id>/", self.single_view, "single"),
            ("<int:pk>/write/", require_POST(self.write_view), "write"),
            ("<int:pk>/retry/", require_POST(self.retry_view), "retry"),
            ("<int:pk>/archive/", self.archive_view, "archive"),
            ("<int:pk>/volume/<int:number>/", self.volume_view, "volume"),
        )
        return own + super().get_urls()

    # asking for letters

    def start_view(self, request: HttpRequest, period_id: int, code: int | None = None) -> HttpResponse:
        """Say how many, what the font lacks, and ask (GET); then ask for the letters (POST)."""
        self._check_add(request)
        periods = visible(request, RatingPeriod.objects.select_related("district", "run__scheme"))
        period: RatingPeriod = get_object_or_404(periods, pk=period_id)
        district = get_object_or_404(visible(request, District.objects.all()), pk=code) if code else None
        if district is None and period.district_id is None and not sees_whole_city(request):
            raise PermissionDenied("全市的告知书由市级人员签发；请按区县签发。")
        refusal, preliminary = "", False
        try:
            preliminary = letters.is_preliminary(period)
        except Refused as refused:
            refusal = str(refused)
        gaps = [] if refusal else letter_batches.find_gaps(period, district)
        offers_links = preliminary and request.user.has_perm("ratings.add_noticelink")

        def do(values: dict[str, Any]) -> tuple[str, str]:
            if gaps and not values["anyway"]:
                raise Refused("下表所列文字字体中没有，印不出来。请先更正，或勾选“缺字的不签发，其余照发”。")
            batch = letters.start_batch(
                period,
                district,
                with_links=bool(values.get("with_links")),
                site=request.build_absolute_uri("/"),
                by=Actor.of(request),
            )
            said = self._go_on(request, batch)
            return f"{show.change_url(batch)}?going=1", said

        more: dict[str, Any] = {"table": _gap_table(gaps)} if gaps else {}
        if refusal and request.method != "POST":
            more |= {"faults": [refusal], "closed": True}
        return ask(
            self,
            request,
            f"{district.name if district else period.scope}：签发告知书",
            _asks(links=offers_links, gaps=bool(gaps)),
            do,
            back=show.change_url(period),
            button="签发",
            summary=self._summary(period, district, preliminary),
            note="为范围内每家药店各写一份告知书，逐份编号、加密保存、登记在册。写的过程可以随时离开，中断以后接着写。",
            **more,
        )

    def _summary(
        self, period: RatingPeriod, district: District | None, preliminary: bool
    ) -> list[tuple[str, Any]]:
        ratings = Rating.objects.filter(run=period.run_id)
        before = LetterBatch.objects.filter(period=period)
        live = NoticeLink.objects.filter(rating__run=period.run_id, revoked_at=None)
        if district is not None:
            ratings, live = ratings.filter(district=district), live.filter(rating__district=district)
            before = before.filter(Q(district=district) | Q(district=None))
        known = [
            ("评价周期", show.period_label(period.period)),
            ("状态", period.get_state_display()),
            ("范围", district.name if district else period.scope),
            ("告知书", "预评结果告知书" if preliminary else "结果告知书"),
            ("药店", f"{ratings.count():,} 家"),
            ("已发起的批次", f"{before.count():,} 个"),
        ]
        if preliminary:
            known.append(("现有效的告知链接", f"{live.count():,} 个；附新链接的，原链接失效"))
        return known

    def single_view(self, request: HttpRequest, rating_id: int) -> HttpResponse:
        """One letter, to the pharmacy of one rating."""
        if not visible(request, Rating.objects.filter(pk=rating_id)).exists():
            raise Http404("没有这条评价结果，或者它不在您的管辖范围内。")
        rating = rating_in_full(rating_id)
        period = RatingPeriod.objects.filter(run=rating.run_id).first()
        refusal, links = "", False
        try:
            links = letters.is_preliminary(period) and request.user.has_perm("ratings.add_noticelink")
        except Refused as refused:
            refusal = str(refused)

        def issue(values: dict[str, Any], by: Actor, site: str) -> IssuedDocument:
            return issue_letter(rating, with_link=bool(values.get("with_links")), by=by, site=site)

        return issue_page(
            request,
            self,
            f"签发告知书：{rating.pharmacy.name}",
            issue,
            back=show.change_url(rating),
            summary=[
                ("药店", f"{rating.pharmacy.name}（{rating.pharmacy.code}）"),
                ("评价周期", show.period_label(rating.run.period)),
                ("联系电话", rating.pharmacy.contact or "—"),
            ],
            note="写明等级、各项理由和依据、药店的权利和期限；签发以后不能更改，可以再签发新的。",
            form=_asks(links=links, gaps=False),
            refusal=refusal,
        )

    # writing

    def write_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Go on where the writing stopped."""
        batch = self._writable(request, pk)
        return self._answered(request, batch, lambda: self._go_on(request, batch))

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Write the letters with a fault again."""
        batch = self._writable(request, pk)

        def again() -> str:
            letters.retry_faults(batch, by=Actor.of(request))
            return self._go_on(request, batch)

        return self._answered(request, batch, again)

    def _answered(self, request: HttpRequest, batch: LetterBatch, do: Callable[[], str]) -> HttpResponse:
        """Back to the page of the batch, with what came of it."""
        going = ""
        try:
            messages.success(request, do())
            going = "?going=1"
        except Refused as refused:
            refuse(request, refused)
        return HttpResponseRedirect(f"{show.change_url(batch)}{going}")

    def _go_on(self, request: HttpRequest, batch: LetterBatch) -> str:
        """Hand the batch to the workers; without a broker, write for a while here. What is said of it.

        Raises Refused as ``letters.check_writing`` does: what workers meet, nobody here would learn.
        """
        letters.check_writing(batch)
        if settings.CELERY_TASK_ALWAYS_EAGER:
            return f"已写 {letter_batches.write_letters(batch, seconds=_SECONDS):,} 份。"
        try:
            write_letters.delay(batch.pk)
        except OperationalError:
            return "任务队列连接不上，告知书已登记，没有开始写。请联系系统管理员检查 Redis，再按“继续”。"
        return "已交给后台，告知书正在写。"

    # the page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """How far the batch is, what could not be written and why, and the files."""
        batch: LetterBatch = self.visible_or_404(request, object_id)
        found: Any = batch  # with its counts: see get_queryset
        asked, issued, without = found.asked_for, found.issued, found.faults
        waiting = asked - issued - without
        stopped = ""
        try:
            letters.check_writing(batch)
        except Refused as refused:
            stopped = str(refused)
        may = request.user.has_perm("ratings.add_letterbatch") and not stopped
        faults = (
            batch.letters.exclude(fault="")
            .select_related("rating__pharmacy")
            .defer("rating__trace")
            .order_by("id")[:_SHOWN]
        )
        eager, going = settings.CELERY_TASK_ALWAYS_EAGER, "going" in request.GET
        return self.page(
            request,
            "ratings/admin/letters.html",
            f"告知书批次 #{batch.pk}",
            batch=batch,
            facts=[
                (
                    "评价周期",
                    show.link(show.change_url(batch.period), show.period_label(batch.period.period)),
                ),
                ("范围", batch.scope),
                ("告知链接", self.links(batch)),
                ("发起", self.asked(batch)),
                ("写完", show.moment(batch.finished_at)),
            ],
            asked=asked,
            issued=issued,
            faults=without,
            waiting=waiting,
            done=asked - waiting,
            may=may,
            stopped=stopped if issued < asked else "",
            refreshes=waiting > 0 and going and not eager and not stopped,
            goes_on=waiting > 0 and going and eager and may,
            rows=[
                (
                    show.link(
                        show.change_url(row.rating),
                        f"{row.rating.pharmacy.name}（{row.rating.pharmacy.code}）",
                    ),
                    row.fault,
                )
                for row in faults
            ],
            readable=self._may_read(request, batch) and issued > 0,
            volumes=range(1, letter_files.volumes(batch) + 1),
        )

    # files

    def archive_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """All letters as a ZIP archive, sent as it is made; on record."""
        batch = self._readable(request, pk)
        record("下载告知书", batch, by=Actor.of(request), form="ZIP")
        answer = StreamingHttpResponse(letter_files.archive(batch), content_type="application/zip")
        return _download(answer, f"{_name(batch)}.zip")

    def volume_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponseBase:
        """One volume for print; on record."""
        batch = self._readable(request, pk)
        if not 1 <= number <= letter_files.volumes(batch):
            raise Http404("没有这一册。")
        try:
            content = letter_files.volume(batch, number)
        except Refused as refused:
            refuse(request, refused)
            return HttpResponseRedirect(show.change_url(batch))
        record("下载告知书", batch, by=Actor.of(request), form=f"第 {number} 册")
        return _download(
            HttpResponse(content, content_type="application/pdf"), f"{_name(batch)}-第{number}册.pdf"
        )

    # rights

    def _check_add(self, request: HttpRequest) -> None:
        if not request.user.has_perm("ratings.add_letterbatch"):
            raise PermissionDenied("告知书由经办员或审核员签发。")

    def _writable(self, request: HttpRequest, pk: int) -> LetterBatch:
        self._check_add(request)
        batch: LetterBatch = self.visible_or_404(request, pk)
        if batch.with_links and not request.user.has_perm("ratings.add_noticelink"):
            raise PermissionDenied("告知链接由经办员或审核员签发。")
        return batch

    def _may_read(self, request: HttpRequest, batch: LetterBatch) -> bool:
        return not batch.with_links or request.user.has_perm("ratings.add_noticelink")

    def _readable(self, request: HttpRequest, pk: int) -> LetterBatch:
        """A visible batch whose files the user may have: whoever opens a link uses it up."""
        batch: LetterBatch = self.visible_or_404(request, pk)
        if not self._may_read(request, batch):
            raise PermissionDenied("附告知链接的告知书只由可以签发告知链接的人员下载。")
        return batch

    # columns

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return (
            super()
            .get_queryset(request)
            .annotate(
                asked_for=Count("letters"),
                issued=Count("letters__document"),
                faults=Count("letters", filter=~Q(letters__fault="")),
            )
        )

    @display(description="批次")
    def number(self, row: LetterBatch) -> str:
        return f"#{row.pk}"

    @display(description="评价周期")
    def period_name(self, row: LetterBatch) -> str:
        return show.period_label(row.period.period)

    @display(description="范围")
    def place(self, row: LetterBatch) -> str:
        return row.scope

    @display(description="告知链接")
    def links(self, row: LetterBatch) -> str:
        return "附" if row.with_links else "不附"

    @display(description="发起")
    def asked(self, row: LetterBatch) -> str:
        return f"{row.asked_by}，{show.moment(row.asked_at)}"

    @display(description="进度")
    def state(self, row: Any) -> SafeString:
        if row.finished_at is not None:
            return show.badge("good", f"{row.issued:,} 份，已写完")
        told = f"{row.issued:,} / {row.asked_for:,} 份"
        return show.badge("warn", f"{told}，未签发 {row.faults:,} 份" if row.faults else told)


def _asks(*, links: bool, gaps: bool) -> type[forms.Form]:
    fields: dict[str, Any] = {}
    if links:
        fields["with_links"] = forms.BooleanField(
            label="附告知链接",
            required=False,
            help_text="每份告知书印一个一次性链接的二维码，药店由此查看逐项说明、在网上提出异议；以前签发的链接随即失效。",
        )
    if gaps:
        fields["anyway"] = forms.BooleanField(label="缺字的不签发，其余照发", required=False)
    return type("Asks", (forms.Form,), fields)


def _gap_table(gaps: Sequence[letter_batches.Gap]) -> dict[str, Any]:
    rows = [
        (
            show.link(show.row_url(Rating, gap.rating), f"{gap.name}（{gap.code}）")
            if gap.rating
            else "全部告知书",
            gap.field,
            gap.shown,
        )
        for gap in gaps[:_SHOWN]
    ]
    more = f"此处只列前 {_SHOWN} 处，共 {len(gaps):,} 处。" if len(gaps) > _SHOWN else ""
    return show.table(
        "字体中没有的文字",
        ("药店", "哪里", "字"),
        rows,
        note=f"{more}印出来会是空白，因此不签发。请核对是否录入有误；确有此字的，请系统管理员用 PDF_FONT 换用收字更全的字体。",
    )


def _name(batch: LetterBatch) -> str:
    return f"告知书-{batch.period.period}-{batch.scope}-批次{batch.pk}"


def _download(answer: Any, name: str) -> HttpResponseBase:
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["Cache-Control"] = "no-store"
    return answer
