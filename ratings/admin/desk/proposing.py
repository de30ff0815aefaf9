"""The pages on which adjustments are proposed: by judgement, by correction, by looking for interim changes."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.desk.acts import refusal_texts
from ratings.admin.desk.forms import FilesField, choice, day, form_of, words
from ratings.admin.desk.standings import place_badge, rating_in_full
from ratings.admin.grades import readable
from ratings.admin.scope import sees_whole_city, visible
from ratings.models import Rating
from ratings.services import adjustments, evidence, interim
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.standing import standing
from ratings.services.terms import deadline

_SEPARATOR = "|"
_WAYS = {"up": "只可调高", "down": "只可调低", "both": "可调高、可调低"}


def rating_summary(rating: Rating) -> list[tuple[str, Any]]:
    """What pages about a rating say of it; needs ``run__scheme`` and ``pharmacy``."""
    now = standing(rating)
    return [
        ("药店", f"{rating.pharmacy.name}（{rating.pharmacy.code}）"),
        ("评价周期", show.period_label(rating.run.period)),
        ("预评等级", place_badge(rating, rating.grade)),
        ("现等级", place_badge(rating, now.position)),
        ("信用分", "—" if now.score is None else show.points(now.score)),
        ("评价规则", str(rating.run.scheme)),
    ]


def _limits(rating: Rating, allowed: list[adjustments.AllowedReason]) -> list[dict[str, Any]]:
    """Every reason of the scheme, how far it goes, and what it allows this rating."""
    rules = readable(rating.run.scheme)
    grades = {reason.rule.id: reason.grades for reason in allowed}
    return [
        {
            "title": rule.title,
            "limit": f"{_WAYS[rule.direction]}，最多 {rule.steps} 个等级",
            "clause": rule.clause,
            "badges": [place_badge(rating, place) for place, _ in grades.get(rule.id, ())],
        }
        for rule in (rules.document.adjustments if rules else ())
    ]


def _why_not(rating: Rating) -> str:
    """What the service says to an adjustment where none is possible."""
    rules = readable(rating.run.scheme)
    reasons = [rule.id for rule in rules.document.adjustments] if rules else []
    other = rating.grade + 1 if rating.grade == 0 else rating.grade - 1
    try:
        adjustments.check_adjustment(rating, reasons[0] if reasons else "", other)
    except Refused as refused:
        return str(refused)
    return ""


class ProposingPages(ReadOnlyAdmin):
    """Mixed into the adjustments' admin. Who may propose: the add permission, in the own districts."""

    def _rating(self, request: HttpRequest, rating_id: int) -> Rating:
        if not request.user.has_perm("ratings.add_adjustment"):
            raise PermissionDenied("等级调整由审核员提出。")
        if not visible(request, Rating.objects.filter(pk=rating_id)).exists():
            raise Http404("没有这条评价结果，或者它不在您的管辖范围内。")
        return rating_in_full(rating_id)

    def propose_view(self, request: HttpRequest, rating_id: int) -> HttpResponse:
        """Propose a change by judgement. Who may: the add permission, in the own districts."""
        rating = self._rating(request, rating_id)
        allowed = adjustments.allowed_reasons(rating)
        choices = [
            (f"{reason.rule.id}{_SEPARATOR}{place}", f"{reason.rule.title}：调整为 {name}")
            for reason in allowed
            for place, name in reason.grades
        ]
        asks = form_of(
            wanted=choice("事由与调整后的等级", choices),
            text=words("理由", help_text="写明事实和依据。"),
            files=FilesField(required=False),
        )
        form = asks(request.POST, request.FILES) if request.method == "POST" else asks()
        faults: list[str] = []
        if request.method == "POST" and form.is_valid():
            reason, place = form.cleaned_data["wanted"].split(_SEPARATOR)
            try:
                with transaction.atomic():
                    made = adjustments.propose_adjustment(
                        rating,
                        reason_code=reason,
                        to_grade=int(place),
                        text=form.cleaned_data["text"],
                        by=Actor.of(request),
                    )
                    for upload in form.cleaned_data["files"]:
                        evidence.add_evidence(made, upload, by=Actor.of(request))
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                messages.success(request, "已提出，等待另一人审批。")
                return HttpResponseRedirect(show.change_url(made))
        return self.page(
            request,
            "ratings/admin/desk/propose.html",
            f"提出等级调整：{rating.pharmacy.name}",
            form=form,
            faults=faults,
            button="提出",
            limits=_limits(rating, allowed),
            why_not="" if choices else _why_not(rating),
            summary=rating_summary(rating),
            back=show.change_url(rating),
        )

    def correct_view(self, request: HttpRequest, rating_id: int) -> HttpResponse:
        """Reckon one rating again after facts changed, and propose what comes of it. Who may: the add permission."""
        rating = self._rating(request, rating_id)
        asks = form_of(
            text=words("更正理由", help_text="写明哪项事实已经作废或补录，及其文书号。"),
            clause=words(
                "依据的条款", help_text="如《行政处罚法》第四十八条。将随更正对外公布，勿写其他内容。"
            ),
            annulled_on=day(
                "撤销或变更处罚的决定日期",
                required=False,
                help_text="处罚决定被撤销、变更的填写；撤回公布的法定期限从该日起算。",
            ),
        )
        form = asks(request.POST) if request.method == "POST" else asks()
        faults: list[str] = []
        if request.method == "POST" and form.is_valid():
            values = form.cleaned_data
            annulled = values["annulled_on"]
            try:
                made = adjustments.propose_correction(
                    rating,
                    text=values["text"],
                    clause=values["clause"],
                    due_on=deadline("withdraw_annulled", annulled).day if annulled else None,
                    by=Actor.of(request),
                )
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                if made is None:
                    messages.info(request, "已复评：等级和信用分都不变，无须更正。")
                    return HttpResponseRedirect(show.change_url(rating))
                messages.success(request, "已复评并提出更正，等待另一人审批。")
                return HttpResponseRedirect(show.change_url(made))
        return self.page(
            request,
            "ratings/admin/desk/act.html",
            f"复评更正：{rating.pharmacy.name}",
            form=form,
            faults=faults,
            note="按原批次的规则和同组参照值、此刻的事实，重新计算这一家药店；其他药店不变。等级或信用分有变化的，提出更正，由另一人审批；已发布的周期，批准后随即发布。",
            button="复评并提出更正",
            summary=rating_summary(rating),
            back=show.change_url(rating),
        )

    def has_find_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ratings.add_adjustment") and sees_whole_city(request)

    @action(description="查找期间变动", url_path="find", permissions=["find"], icon="search")
    def find(self, request: HttpRequest) -> HttpResponse:
        """Look whose grade, public or on its way, is better than today's facts allow. Who may: the add
        permission, for the whole city."""
        faults: list[str] = []
        if request.method == "POST":
            try:
                made = interim.find_interim(by=Actor.of(request))
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                said = f"已提出 {len(made)} 件，等待另一人审批。" if made else "没有需要变动的等级。"
                messages.success(request, said)
                return HttpResponseRedirect(reverse("admin:ratings_adjustment_changelist"))
        return self.page(
            request,
            "ratings/admin/desk/confirm.html",
            "查找期间变动",
            note="对照规则中“即时生效”的限制（如查实骗保、解除协议），逐家核对已公布的等级，和审核、公示、已审定待发布的等级；等级高于限制的，提出降级或撤回，由另一人审批。已经提出过的不会重复。",
            summary=[],
            faults=faults,
            button="开始查找",
            back=reverse("admin:ratings_adjustment_changelist"),
        )
