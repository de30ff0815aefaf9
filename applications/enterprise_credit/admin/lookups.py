"""企业信用查询: a purpose is stated, an enterprise is found, and each look at it goes on record."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from applications.enterprise_credit import charts, describing, words
from applications.enterprise_credit.admin.scoping import viewer
from applications.enterprise_credit.admin.tables import folded, labelled
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.looks import READ_ON, Aim, recent_look, stated
from applications.enterprise_credit.models import CreditSubject, Look
from applications.enterprise_credit.profiles import Profile, Store, profile, record_profile
from applications.enterprise_credit.report import cover_of, report, workbook
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.searching import MOST, is_whole_code, search
from applications.enterprise_credit.viewing import Viewer
from creditsys.marks import grade_badge
from ratings.admin import show
from ratings.admin.asking import choice, line
from ratings.admin.base import ReadOnlyAdmin, ScopedAdmin
from ratings.admin.on_record import refuse
from ratings.published import scale
from ratings.services.errors import Refused

#: Pharmacies on one page of a profile, worst grade first.
STORES_A_PAGE: Final = 20
#: Where a session keeps what its look-ups are for.
_REMEMBERED: Final = "enterprise_credit_aim"
_FILES: Final[dict[str, tuple[str, str]]] = {
    Look.Form.PDF: ("pdf", "application/pdf"),
    Look.Form.EXPORT: ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


class SearchForm(forms.Form):
    """What a look-up is for, and of whom; purposes are those of the catalogue of today."""

    purpose = choice("查询用途")
    case_no = line(
        "案号或项目号", most=100, required=False, help_text="评选、补助、许可、案件的编号；部分用途必填"
    )
    q = line(
        "企业", most=100, help_text="统一社会信用代码（可只写开头六位以上），或名称：汉字、拼音、拼音首字母"
    )

    def __init__(self, *args: Any, catalogue: Catalogue, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.catalogue = catalogue
        chosen: Any = self.fields["purpose"]
        chosen.choices = [("", "请选择"), *((one.key, _purpose(one)) for one in catalogue.purposes)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("purpose"):
            try:
                stated(self.catalogue, cleaned["purpose"], cleaned.get("case_no", ""))
            except Refused as refused:
                self.add_error("case_no", str(refused))
        return cleaned


def _purpose(one: Any) -> str:
    return f"{one.title}（须填案号或项目号）" if one.case_required else str(one.title)


@admin.register(CreditSubject)
class CreditSubjectAdmin(ReadOnlyAdmin):
    """Who may look enterprises up: members of a department with the view permission, and nobody else.

    A profile is read after a look of this person at this enterprise within the last half hour; else the purpose is
    asked for.
    """

    menu_order, menu_icon = 10, "search"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """All: the purpose is stated and the look recorded, which enterprise it is does not matter."""
        rows: QuerySet = super(ScopedAdmin, self).get_queryset(request)
        return rows if self.has_view_permission(request) else rows.none()

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) and viewer(request) is not None

    def get_urls(self) -> list[Any]:
        own = self.own_paths(
            ("open/", self.open_view, "open"),
            ("<str:uscc>/report.pdf", self.pdf_view, "pdf"),
            ("<str:uscc>/export.xlsx", self.export_view, "export"),
        )
        return own + super().get_urls()

    # finding

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form, and what was found; nothing of anybody's credit is told here."""
        self._viewer(request)
        catalogue = catalogue_on(timezone.localdate())
        remembered = request.session.get(_REMEMBERED, {})
        if "q" not in request.GET:
            form = SearchForm(catalogue=catalogue, initial=remembered)
            return self._search_page(request, form)
        form = SearchForm({**remembered, **request.GET.dict()}, catalogue=catalogue)
        if not form.is_valid():
            return self._search_page(request, form)
        given = form.cleaned_data
        request.session[_REMEMBERED] = {"purpose": given["purpose"], "case_no": given["case_no"]}
        return self._search_page(
            request,
            form,
            found=search(given["q"]),
            whole_code=is_whole_code(given["q"]),
            purpose=given["purpose"],
            case_no=given["case_no"],
        )

    def _search_page(self, request: HttpRequest, form: SearchForm, **context: Any) -> HttpResponse:
        whole = {
            "form": form,
            "most": MOST,
            "open_url": reverse("admin:enterprise_credit_creditsubject_open"),
        }
        return self.page(request, "enterprise_credit/admin/search.html", "企业信用查询", **whole, **context)

    def open_view(self, request: HttpRequest) -> HttpResponse:
        """Records the look and goes to the profile (POST); without a purpose it is refused."""
        who, back = self._viewer(request), reverse("admin:enterprise_credit_creditsubject_changelist")
        if request.method != "POST":
            return HttpResponseRedirect(back)
        now = timezone.now()
        given = {name: request.POST.get(name, "") for name in ("purpose", "case_no", "uscc")}
        uscc = "".join(given["uscc"].replace("\0", "").split()).upper()[:18]
        catalogue = catalogue_on(timezone.localdate(now))
        try:
            if not uscc:
                raise Refused("未写明企业：请先查找，再从结果中打开。")
            aim = stated(catalogue, given["purpose"], given["case_no"])
        except Refused as refused:
            refuse(request, refused)
            return HttpResponseRedirect(back)
        request.session[_REMEMBERED] = {"purpose": aim.purpose.key, "case_no": aim.case_no}
        found = profile(uscc, who, catalogue, timezone.localdate(now))
        record_profile(who, aim, Look.Form.PAGE, uscc, found, now)
        if found is None:
            refuse(request, f"查无此企业：{uscc}。请核对统一社会信用代码；本次查询已记录。")
            return HttpResponseRedirect(back)
        return HttpResponseRedirect(show.change_url(found.subject))

    # one enterprise

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The profile, for half an hour after its purpose was stated; what has changed meanwhile is one more look."""
        who, now = self._viewer(request), timezone.now()
        _demand_code(object_id)
        catalogue = catalogue_on(timezone.localdate(now))
        look = recent_look(who, object_id, now)
        aim = _aim_of(look, catalogue)
        if look is None or aim is None:
            return self._ask(request, object_id, catalogue)
        found = profile(object_id, who, catalogue, timezone.localdate(now))
        if found is None:
            raise Http404("没有这家企业。")
        if found.shown() != look.shown:
            record_profile(who, aim, Look.Form.PAGE, object_id, found, now)
        page = request.GET.get("stores", "1")
        return self.page(
            request,
            "enterprise_credit/admin/profile.html",
            found.subject.name,
            look=look,
            until=show.moment(look.at + READ_ON),
            when=show.moment(look.at),
            pdf_url=_url("pdf", object_id),
            export_url=_url("export", object_id),
            **_shown(found, int(page) if page.isascii() and page.isdigit() else 1),
        )

    def _ask(self, request: HttpRequest, uscc: str, catalogue: Catalogue) -> HttpResponse:
        """What the look is for; not told whether there is such an enterprise."""
        form = SearchForm(catalogue=catalogue, initial=request.session.get(_REMEMBERED, {}))
        del form.fields["q"]
        return self.page(
            request,
            "enterprise_credit/admin/ask.html",
            "请写明查询用途",
            form=form,
            uscc=uscc,
            open_url=reverse("admin:enterprise_credit_creditsubject_open"),
            minutes=int(READ_ON.total_seconds() // 60),
        )

    def pdf_view(self, request: HttpRequest, uscc: str) -> HttpResponse:
        """The report, a look of its own."""
        return self._file(request, uscc, Look.Form.PDF)

    def export_view(self, request: HttpRequest, uscc: str) -> HttpResponse:
        """The workbook, a look of its own."""
        return self._file(request, uscc, Look.Form.EXPORT)

    def _file(self, request: HttpRequest, uscc: str, form: str) -> HttpResponse:
        who, now = self._viewer(request), timezone.now()
        _demand_code(uscc)
        page = reverse("admin:enterprise_credit_creditsubject_change", args=(uscc,))
        if request.method != "POST":
            return HttpResponseRedirect(page)
        catalogue = catalogue_on(timezone.localdate(now))
        aim = _aim_of(recent_look(who, uscc, now), catalogue)
        found = profile(uscc, who, catalogue, timezone.localdate(now)) if aim else None
        if aim is None or found is None:
            refuse(request, "请先写明查询用途再下载。")
            return HttpResponseRedirect(page)
        cover = cover_of(record_profile(who, aim, form, uscc, found, now))
        site = f"{request.scheme}://{request.get_host()}"
        content = report(found, cover, site) if form == Look.Form.PDF else workbook(found, cover)
        ending, content_type = _FILES[form]
        answer = HttpResponse(content, content_type=content_type, headers={"Cache-Control": "no-store"})
        answer["Content-Disposition"] = (
            f'attachment; filename="{uscc}-{timezone.localtime(now):%Y%m%d}.{ending}"'
        )
        return answer

    def _viewer(self, request: HttpRequest) -> Viewer:
        """Who looks. Raises PermissionDenied."""
        who = viewer(request)
        if who is None or not self.has_view_permission(request):
            raise PermissionDenied("只有部门人员可以查询企业信用。")
        return who


def _demand_code(text: str) -> None:
    """Raises Http404 for what no enterprise can have as its code; that tells nothing of any."""
    if not is_whole_code(text):
        raise Http404("这不是统一社会信用代码。")


def _url(name: str, uscc: str) -> str:
    return reverse(f"admin:enterprise_credit_creditsubject_{name}", args=(uscc,))


def _aim_of(look: Look | None, catalogue: Catalogue) -> Aim | None:
    """What a look was for, so that the same may go on; None where the catalogue does not know the purpose any more."""
    purpose = catalogue.purpose(look.purpose) if look else None
    return Aim(purpose, look.case_no) if look and purpose else None


def _shown(found: Profile, page: int) -> dict[str, Any]:
    """What ``enterprise_credit/admin/profile.html`` draws."""
    pages = max(-(-len(found.stores) // STORES_A_PAGE), 1)
    page = min(max(page, 1), pages)
    stores = found.stores[(page - 1) * STORES_A_PAGE : page * STORES_A_PAGE]
    black = [one for one in found.lists if one[0].type.kind == "BLACK_LIST"]
    return {
        "found": found,
        "grade": _enterprise_grade(found),
        "facts": describing.facts(found),
        "black": [
            (group, record, words.days(record.valid_from, record.valid_until)) for group, record in black
        ],
        "steps": labelled(describing.steps(found)),
        "score_chart": charts.score_chart(found.scores, len(found.scale)),
        "history": labelled(describing.history(found)),
        "grade_chart": charts.grade_chart(found.grades),
        "grades": [(name or "无等级", count) for name, count in found.grades.items()],
        "places": labelled(describing.places(found)) if len(found.places) > 1 else None,
        "stores": list(map(_store, stores)),
        "page": page,
        "pages": range(1, pages + 1),
        "lists": labelled(describing.lists(found)),
        "records": [folded(one) for one in describing.records(found)],
        "events": folded(describing.events(found)),
        "note": describing.NOTE,
    }


def _enterprise_grade(found: Profile) -> Any:
    names = [(one.name, one.label) for one in found.scale]
    standing = found.standing
    absent = "不评等级" if standing else "尚未评定"
    return grade_badge(standing.position if standing else -1, names, absent=absent)


def _store(store: Store) -> dict[str, Any]:
    grade, rated = store.grade, False
    names: list[tuple[str, str]] = []
    if grade:
        names = [(step.name, step.label) for step in scale(grade["scheme"])]
        rated = bool(grade["grade"])
    return {
        "store": store,
        "service": words.SERVICES[store.service],
        "badge": grade_badge(
            grade["position"] if grade else -1, names, absent="不予评级" if grade else "尚未公布"
        ),
        "score": words.points(grade["score"]) if grade and rated else "",
        "reason": grade["reason"] if grade and not rated else "",
        "period": show.period_label(grade["period"]) if grade else "",
        "expired": rated and not store.holds,
        "valid": words.days(grade["valid_from"], grade["valid_until"]) if grade else "—",
        "history": [
            (
                show.period_label(row["period"]),
                words.grade(row),
                words.days(row["valid_from"], row["valid_until"]),
            )
            for row in reversed(store.history)
        ],
    }
