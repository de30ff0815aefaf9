"""The pages on which an objection is taken in: choose the result, then write down what is objected."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from ratings.admin import show
from ratings.admin.base import ReadOnlyAdmin
from ratings.admin.desk.acts import refusal_texts
from ratings.admin.desk.forms import FilesField, choice, day, form_of, line, row_chosen_by_typing, words
from ratings.admin.desk.review import period_text
from ratings.admin.desk.standings import place_badge, rating_in_full
from ratings.admin.scope import visible
from ratings.models import Complaint, Objection, Pharmacy, Rating, RatingPeriod, Violation
from ratings.services import objections
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.redress import lineage
from ratings.services.standing import standing


def fact_choices(rating: Rating) -> list[tuple[str, str]]:
    """The live violations and complaints that can be objected to, of the pharmacy and those before it."""
    shops = lineage(rating.pharmacy)
    violations = Violation.objects.filter(pharmacy__in=shops, voided_at=None).order_by("-decided_on")
    complaints = Complaint.objects.filter(pharmacy__in=shops, voided_at=None).order_by("-occurred_on")
    return [
        (
            f"violation:{fact.pk}",
            f"{fact.document_no}　{fact.get_kind_display()}，{fact.get_gravity_display()}，{show.day(fact.decided_on)}",
        )
        for fact in violations
    ] + [
        (
            f"complaint:{fact.pk}",
            f"举报投诉 {fact.reference_no}　{fact.get_topic_display()}，{fact.get_finding_display()}，{show.day(fact.occurred_on)}",
        )
        for fact in complaints
    ]


def facts_field(choices: Sequence[tuple[str, str]], *, required: bool) -> forms.MultipleChoiceField:
    """Boxes to tick."""
    return forms.MultipleChoiceField(
        label="所涉事实",
        choices=choices,
        required=required,
        widget=forms.CheckboxSelectMultiple(),
        help_text="" if choices else "该药店没有有效的违法违规和举报投诉记录。",
        error_messages={"required": "请勾选至少一项事实。"},
    )


def facts_chosen(keys: Iterable[str]) -> list[Violation | Complaint]:
    """The facts behind ticked boxes."""
    chosen = [key.split(":") for key in keys]
    violations = Violation.objects.filter(pk__in=[pk for kind, pk in chosen if kind == "violation"])
    complaints = Complaint.objects.filter(pk__in=[pk for kind, pk in chosen if kind == "complaint"])
    return [*violations, *complaints]


def _out_of_time(request: HttpRequest, rating: Rating) -> tuple[list[str], bool]:
    """Why nothing can be handed in today, and whether a paper of an earlier day is out of time too."""
    try:
        objections.check_objection(rating)
    except Refused as refused:
        faults = refusal_texts(request, refused)
    else:
        return [], False
    last = objections.last_paper_day(rating)
    if last is None:
        return faults, True
    told = (
        f"药店在{show.day(last)}以前（含当日）已递交书面异议的，请填写递交日期，并上传加盖收件章的书面异议。"
    )
    return [*faults, told], False


class ReceivingPages(ReadOnlyAdmin):
    """Mixed into the objections' admin. Who may take in: the add permission, in the own districts."""

    def receiving_urls(self) -> list[Any]:
        """The address of the second page; the first is an action of the list."""
        return self.own_paths(("receive/<int:rating_id>/", self.statement_view, "statement"))

    def has_receive_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ratings.add_objection")

    @action(
        description="受理异议",
        url_path="receive",
        permissions=["receive"],
        icon="add",
        variant=ActionVariant.PRIMARY,
    )
    def receive(self, request: HttpRequest) -> HttpResponse:
        """Which pharmacy, which period."""
        periods = visible(
            request, RatingPeriod.objects.filter(state__in=("PUBLIC_NOTICE", "FINAL", "PUBLISHED"))
        )
        known = list(periods.select_related("district")[:50])
        labels = [(str(period.pk), period_text(period)) for period in known]
        asks = form_of(
            pharmacy=row_chosen_by_typing(
                "药店",
                Rating._meta.get_field("pharmacy"),
                visible(request, Pharmacy.objects.all()),
                help_text="输入定点编码或名称查找。",
            ),
            period=choice("评价周期", labels, help_text="只列公示中、已审定和已发布的评价周期。"),
        )
        form = (
            asks(request.POST)
            if request.method == "POST"
            else asks(initial={"period": labels[0][0] if len(labels) == 1 else ""})
        )
        if request.method == "POST" and form.is_valid():
            period = next(each for each in known if str(each.pk) == form.cleaned_data["period"])
            rating = visible(
                request, Rating.objects.filter(run=period.run_id, pharmacy=form.cleaned_data["pharmacy"])
            ).first()
            if rating is not None:
                return HttpResponseRedirect(reverse("admin:ratings_objection_statement", args=(rating.pk,)))
            form.add_error("pharmacy", "该评价周期中没有这家药店的评价结果。请核对药店，或改选评价周期。")
        return self.page(
            request,
            "ratings/admin/desk/act.html",
            "受理异议",
            form=form,
            button="下一步",
            back=reverse("admin:ratings_objection_changelist"),
        )

    def statement_view(self, request: HttpRequest, rating_id: int) -> HttpResponse:
        """What is objected, to which facts, with which evidence."""
        if not self.has_receive_permission(request):
            raise PermissionDenied("异议由经办员受理。")
        if not visible(request, Rating.objects.filter(pk=rating_id)).exists():
            raise Http404("没有这条评价结果，或者它不在您的管辖范围内。")
        rating = rating_in_full(rating_id)
        asks = form_of(
            ground=choice("理由类别", Objection.Ground.choices),
            statement=words("异议内容", most=2000),
            facts=facts_field(fact_choices(rating), required=False),
            contact=line(
                "联系人和电话", required=False, help_text="只供办理人员查看，每次查看都记入操作记录。"
            ),
            handed_in_on=day(
                "递交日期",
                required=False,
                help_text="药店在今天以前递交书面异议的，填写收件章的日期，并上传该书面；空＝今天。"
                "是否逾期、何时答复，均按递交日期计算。",
            ),
            files=FilesField(required=False),
        )
        posted = request.method == "POST"
        form = asks(request.POST, request.FILES) if posted else asks()
        faults: list[str] = []
        closed = False
        if not posted:
            faults, closed = _out_of_time(request, rating)
        elif form.is_valid():
            values = form.cleaned_data
            try:
                made = objections.receive_objection(
                    rating,
                    ground=values["ground"],
                    statement=values["statement"],
                    contact=values["contact"],
                    channel=Objection.Channel.CLERK,
                    facts=facts_chosen(values["facts"]),
                    uploads=values["files"],
                    handed_in_on=values["handed_in_on"],
                    by=Actor.of(request),
                )
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                messages.success(request, f"已受理，须在{show.day(made.due_on)}以前答复。")
                return HttpResponseRedirect(show.change_url(made))
        return self.page(
            request,
            "ratings/admin/desk/receive.html",
            f"受理异议：{rating.pharmacy.name}",
            form=form,
            faults=faults,
            closed=closed,
            button="受理",
            summary=[
                ("药店", f"{rating.pharmacy.name}（{rating.pharmacy.code}）"),
                ("评价周期", show.period_label(rating.run.period)),
                ("现等级", place_badge(rating, standing(rating).position)),
                ("信用分", show.points(rating.score) if rating.state == 0 else "—"),
            ],
            back=show.change_url(rating),
        )
