"""Credit repair: applied for, accepted, proposed, decided by another person, answered."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from ratings.admin import show
from ratings.admin.desk.acts import Act, DeskAdmin, refusal_texts
from ratings.admin.desk.clocks import Step, course, days_left
from ratings.admin.desk.contact import ContactPages
from ratings.admin.desk.evidence import evidence_act, evidence_rows
from ratings.admin.desk.forms import FilesField, choice, day, form_of, line, row_chosen_by_typing, words
from ratings.admin.desk.standings import arrow, rating_in_full
from ratings.admin.filters import DistrictFilter
from ratings.admin.scope import visible
from ratings.admin.search import matching_pharmacies
from ratings.models import Adjustment, AuditEvent, CreditRepair, Violation
from ratings.rules.moves import OPEN_REPAIR
from ratings.services import repairs
from ratings.services.audit import Actor
from ratings.services.errors import Refused
from ratings.services.steps import DECISION_LENGTH

_KIND = {"APPLIED": "warn", "ACCEPTED": "warn", "PROPOSED": "warn", "GRANTED": "good"}
_OUTCOMES = (("GRANTED", "准予修复"), ("REFUSED", "不予修复"))


def state_badge(repair: CreditRepair) -> SafeString:
    """The application's state in a frame."""
    return show.badge(_KIND.get(repair.state, "plain"), repair.get_state_display())


def next_due(repair: CreditRepair) -> tuple[str, Any]:
    """What is due next, and when; ("", None) when nothing is."""
    if repair.state == "APPLIED":
        return "受理", repair.accept_due_on
    if repair.state in {"ACCEPTED", "PROPOSED"}:
        return "决定", repair.decide_due_on
    if repair.state in {"GRANTED", "REFUSED"} and repair.replied_on is None:
        return "答复", repair.reply_due_on
    return "", None


class ClockFilter(DropdownFilter):
    """Open ones, and those whose next step is overdue."""

    title = "期限"
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "未办结"), ("reply", "待答复"), ("overdue", "已逾期")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "open":
            return queryset.filter(state__in=OPEN_REPAIR)
        if self.value() == "reply":
            return queryset.filter(state__in=("GRANTED", "REFUSED"), replied_on=None)
        if self.value() == "overdue":
            return repairs.overdue(queryset, timezone.localdate())
        return queryset


@admin.register(CreditRepair)
class CreditRepairAdmin(ContactPages, DeskAdmin):
    """Who may see: the view permission, repairs of the own districts. Who may take in and answer: the
    add permission; accept and propose: change; decide: decide, never what one proposed."""

    list_display = ("number", "shop", "district", "violation_text", "gravity", "state_mark", "due", "applied")
    list_display_links = ("number", "shop")
    list_select_related = ("violation__pharmacy__district",)
    list_filter = (ClockFilter, ("state", ChoicesDropdownFilter), DistrictFilter)
    search_fields = ("violation__document_no",)
    search_help_text = "药店编码、名称或处罚文书号"
    actions_list = ("apply",)

    contact_permissions = ("ratings.change_creditrepair", "ratings.decide_creditrepair")

    def get_urls(self) -> list[Any]:
        return [*self.contact_urls(), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("violation__pharmacy__district")

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """By clock: what is due next comes first, the ended last."""
        due = Case(
            When(state="APPLIED", then=F("accept_due_on")),
            When(state__in=("ACCEPTED", "PROPOSED"), then=F("decide_due_on")),
            When(state__in=("GRANTED", "REFUSED"), replied_on=None, then=F("reply_due_on")),
        )
        closed = Case(When(state__in=OPEN_REPAIR, then=Value(0)), default=Value(1))
        return (closed.asc(), due.asc(nulls_last=True), "-id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(violation__pharmacy__in=matching_pharmacies(request, term))
        return queryset.filter(wanted | Q(violation__document_no__icontains=term)), False

    # taking in

    def has_apply_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ratings.add_creditrepair")

    @action(
        description="登记修复申请",
        url_path="apply",
        permissions=["apply"],
        icon="add",
        variant=ActionVariant.PRIMARY,
    )
    def apply(self, request: HttpRequest) -> HttpResponse:
        """Write down an application. Who may: the add permission; violations of the own districts."""
        if not self.has_apply_permission(request):
            raise PermissionDenied("信用修复申请由经办员登记。")
        live = visible(request, Violation.objects.filter(voided_at=None).select_related("pharmacy"))
        asks = form_of(
            violation=row_chosen_by_typing(
                "违法违规",
                CreditRepair._meta.get_field("violation"),
                live,
                help_text="输入处罚文书号，或药店编码、名称查找。",
            ),
            applied_on=day("申请日期"),
            commitment=words("信用承诺", most=2000, help_text="药店书面承诺的内容。"),
            correction=words("整改情况", most=2000, help_text="如何整改，退回基金、缴纳罚款的情况。"),
            contact=line(
                "联系人和电话", required=False, help_text="只供办理人员查看，每次查看都记入操作记录。"
            ),
            files=FilesField("整改证明材料", required=False),
        )
        posted = request.method == "POST"
        start = {"violation": request.GET.get("violation"), "applied_on": timezone.localdate()}
        form = asks(request.POST, request.FILES) if posted else asks(initial=start)
        faults: list[str] = []
        if posted and form.is_valid():
            values = form.cleaned_data
            try:
                made = repairs.apply_repair(
                    values["violation"],
                    applied_on=values["applied_on"],
                    commitment=values["commitment"],
                    correction=values["correction"],
                    contact=values["contact"],
                    uploads=values["files"],
                    by=Actor.of(request),
                )
            except (Refused, ValidationError) as refused:
                faults = refusal_texts(request, refused)
            else:
                messages.success(request, f"已登记，须在{show.day(made.accept_due_on)}以前决定是否受理。")
                return HttpResponseRedirect(show.change_url(made))
        return self.page(
            request,
            "ratings/admin/desk/act.html",
            "登记信用修复申请",
            form=form,
            faults=faults,
            button="登记",
            note="轻微、一般、严重的违法违规，自处理决定之日起须满不同的最短期限才能申请；受理以前须有整改证明材料。",
            back=reverse("admin:ratings_creditrepair_changelist"),
        )

    # acts

    def acts_of(self, request: HttpRequest, row: CreditRepair) -> Sequence[Act]:
        makers = {
            "APPLIED": (_accept, _decline, _withdraw),
            "ACCEPTED": (_propose, _extend, _withdraw),
            "PROPOSED": (_decide, _return, _extend, _withdraw),
            "GRANTED": (_reply,),
            "REFUSED": (_reply,),
        }
        if row.replied_on is not None:
            return ()
        acts = [maker(row) for maker in makers.get(row.state, ())]
        if row.is_open:
            acts.append(evidence_act("add_creditrepair", "change_creditrepair"))
        return acts

    def summary(self, row: CreditRepair) -> list[tuple[str, Any]]:
        violation = row.violation
        facts = [
            ("药店", f"{violation.pharmacy.name}（{violation.pharmacy.code}）"),
            ("违法违规", f"{violation.body}{violation.document_no}"),
            ("情节", violation.get_gravity_display()),
            ("处理决定日期", show.day(violation.decided_on)),
            ("申请日期", show.day(row.applied_on)),
        ]
        if row.state == "PROPOSED":
            facts += [
                ("拟处理意见", dict(_OUTCOMES)[row.proposed_outcome]),
                ("拟处理理由", row.proposed_text),
            ]
        return facts

    # the page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The application with its clocks, what came of it, evidence, and the whole course."""
        row: CreditRepair = self.visible_or_404(request, object_id)
        what, due = next_due(row)
        changed = [
            (
                show.link(show.change_url(made), f"等级调整 #{made.pk}"),
                arrow(rating_in_full(made.rating_id), made.from_grade, made.to_grade),
                made.get_state_display(),
            )
            for made in Adjustment.objects.filter(repair=row)[:5]
        ]
        return self.page(
            request,
            "ratings/admin/desk/repair.html",
            f"信用修复 #{row.pk}",
            row=row,
            violation=row.violation,
            pharmacy=row.violation.pharmacy,
            state=state_badge(row),
            due=days_left(due) if due else "",
            due_what=what,
            clocks=[
                ("申请日期", show.day(row.applied_on)),
                ("最早可修复日", show.day(row.earliest_on)),
                ("受理期限", show.day(row.accept_due_on)),
                ("决定期限", show.day(row.decide_due_on)),
                ("答复期限", show.day(row.reply_due_on)),
                ("答复日期", show.day(row.replied_on)),
                ("决定文书号", row.decision_no or "—"),
            ],
            acts=self.shown_acts(request, row),
            course=_course(row),
            adjustments=changed,
            evidence=evidence_rows(request, repair=row),
            **self.contact_context(request, row),
            **(extra_context or {}),
        )

    # columns

    @display(description="编号")
    def number(self, row: CreditRepair) -> str:
        return f"#{row.pk}"

    @display(description="药店")
    def shop(self, row: CreditRepair) -> SafeString:
        return show.two_lines(row.violation.pharmacy.name, row.violation.pharmacy.code)

    @display(description="区县")
    def district(self, row: CreditRepair) -> str:
        return row.violation.pharmacy.district.name

    @display(description="违法违规")
    def violation_text(self, row: CreditRepair) -> SafeString:
        return show.two_lines(row.violation.document_no, row.violation.get_kind_display())

    @display(description="情节")
    def gravity(self, row: CreditRepair) -> str:
        return row.violation.get_gravity_display()

    @display(description="状态")
    def state_mark(self, row: CreditRepair) -> SafeString:
        return state_badge(row)

    @display(description="剩余时间")
    def due(self, row: CreditRepair) -> SafeString | str:
        what, due = next_due(row)
        return show.two_lines(days_left(due), f"{what}：{show.day(due)}") if due else "—"

    @display(description="申请日期", ordering="applied_on")
    def applied(self, row: CreditRepair) -> str:
        return show.day(row.applied_on)


def _course(row: CreditRepair) -> list[tuple[str, str, str, str]]:
    """What was done, in order: (time, act, who, words)."""
    accepted = "不予受理" if row.state == "NOT_ACCEPTED" else "受理"
    outcome = dict(_OUTCOMES).get(row.proposed_outcome, "")
    steps: list[Step] = [
        (row.received_at, "收到申请", row.received_by, ""),
        (row.accepted_at, accepted, row.accepted_by, row.accept_text),
        (row.extended_at, "延长决定期限", row.extended_by, row.extension_reason),
        (row.proposed_at, f"提出处理意见：{outcome}", row.proposed_by, row.proposed_text),
        (row.decided_at, f"决定：{row.get_state_display()}", row.decided_by, row.decision_text),
    ]
    if row.proposed_at and row.state in {"ACCEPTED", "PROPOSED"}:
        # only the record of acts keeps why a proposal was sent back
        sent_back = AuditEvent.objects.filter(subject=f"creditrepair:{row.pk}", action="退回信用修复")
        steps += [(event.at, "退回办理", event.actor, event.reason) for event in sent_back]
    rows = course(steps)
    if row.state == "WITHDRAWN":
        rows.append(("—", "撤回", "—", row.decision_text))
    if row.replied_on:
        rows.append((show.day(row.replied_on), "答复申请人", "—", "—"))
    return rows


# The acts, each made for one row


def _not_own_proposal(row: CreditRepair, by: Actor) -> list[str]:
    return ["处理意见是您提出的，须由另一人决定。"] if row.proposed_by == by.name else []


def _no_material(row: CreditRepair, by: Actor) -> list[str]:
    return [] if row.evidence.exists() else ["还没有整改的证明材料：请先补充。"]


def _accept(row: CreditRepair) -> Act:
    return Act(
        "accept",
        "受理",
        "change_creditrepair",
        do=_do_accept,
        form=lambda request, row: form_of(text=words("受理意见", required=False)),
        note="受理表示已核对：满最短期限、已整改并附材料、已作信用承诺。",
        faults=_no_material,
    )


def _do_accept(row: CreditRepair, values: dict[str, Any], by: Actor) -> str:
    done = repairs.accept_repair(row, accept=True, text=values["text"], by=by)
    return f"已受理，须在{show.day(done.decide_due_on)}以前决定。"


def _decline(row: CreditRepair) -> Act:
    return Act(
        "decline",
        "不予受理",
        "change_creditrepair",
        do=_do_decline,
        form=lambda request, row: form_of(text=words("不予受理的理由")),
        danger=True,
    )


def _do_decline(row: CreditRepair, values: dict[str, Any], by: Actor) -> str:
    repairs.accept_repair(row, accept=False, text=values["text"], by=by)
    return "已决定不予受理。"


def _extend(row: CreditRepair) -> Act:
    return Act(
        "extend",
        "延长期限",
        "change_creditrepair",
        minor=True,
        do=_do_extend,
        form=lambda request, row: form_of(text=words("延长理由", most=300)),
        note="只能延长一次，届满以后不能延长。",
    )


def _do_extend(row: CreditRepair, values: dict[str, Any], by: Actor) -> str:
    done = repairs.extend_repair(row, reason=values["text"], by=by)
    return f"已延长至{show.day(done.decide_due_on)}。"


def _propose(row: CreditRepair) -> Act:
    return Act(
        "propose",
        "提出处理意见",
        "change_creditrepair",
        do=_do_propose,
        form=lambda request, row: form_of(outcome=choice("处理意见", _OUTCOMES), text=words("理由")),
        note="由另一人决定。",
    )


def _do_propose(row: CreditRepair, values: dict[str, Any], by: Actor) -> str:
    repairs.propose_repair(row, grant=values["outcome"] == "GRANTED", text=values["text"], by=by)
    return "已提出处理意见，等待另一人决定。"


def _decide(row: CreditRepair) -> Act:
    grant = row.proposed_outcome == "GRANTED"
    return Act(
        "decide",
        "准予修复" if grant else "不予修复",
        "decide_creditrepair",
        do=_do_decide,
        form=lambda request, row: form_of(
            decision_no=line("决定文书号", required=grant), text=words("决定理由", most=DECISION_LENGTH)
        ),
        note="决定以后立即生效：该违法违规今后不再计入，药店按原批次规则复评，等级有变化的随即发布；以往的评价不变。"
        if grant
        else "",
        faults=_not_own_proposal,
    )


def _do_decide(row: CreditRepair, values: dict[str, Any], by: Actor) -> str:
    done = repairs.decide_repair(row, decision_no=values["decision_no"], text=values["text"], by=by)
    return f"已决定：{done.decision_text}"


def _return(row: CreditRepair) -> Act:
    return Act(
        "return",
        "退回办理",
        "decide_creditrepair",
        do=_do_return,
        form=lambda request, row: form_of(text=words("退回理由")),
        danger=True,
    )


def _do_return(row: CreditRepair, values: dict[str, Any], by: Actor) -> str:
    repairs.return_repair(row, text=values["text"], by=by)
    return "已退回办理。"


def _withdraw(row: CreditRepair) -> Act:
    return Act(
        "withdraw",
        "登记撤回",
        "add_creditrepair",
        do=_do_withdraw,
        form=lambda request, row: form_of(text=words("撤回的说明")),
        minor=True,
    )


def _do_withdraw(row: CreditRepair, values: dict[str, Any], by: Actor) -> str:
    repairs.withdraw_repair(row, text=values["text"], by=by)
    return "已登记撤回。"


def _reply(row: CreditRepair) -> Act:
    return Act(
        "reply",
        "登记答复",
        "add_creditrepair",
        do=_do_reply,
        form=lambda request, row: form_of(on=day("答复日期")),
        note=f"须在{show.day(row.reply_due_on)}以前答复申请人。",
        also=("change_creditrepair",),
    )


def _do_reply(row: CreditRepair, values: dict[str, Any], by: Actor) -> str:
    repairs.reply_repair(row, on=values["on"], by=by)
    return "已登记答复。"
