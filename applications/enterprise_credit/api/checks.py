"""The addresses at which a department's program checks lists of enterprises and reports what came of them."""

from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from applications.api.bodies import canonical, parse_object, read_body
from applications.api.negotiation import FORMAT
from applications.api.parameters import Parameters
from applications.api.problems import Problem, Text
from applications.clients.models import Organisation
from applications.clients.views import ClientView
from applications.enterprise_credit import batch_checks, check_lists
from applications.enterprise_credit.api import check_operations
from applications.enterprise_credit.api.records import key_of
from applications.enterprise_credit.batch_checks import BadOutcomes, Outcome, Report
from applications.enterprise_credit.check_lists import MAX_LINES
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import BatchCheck, CheckLine
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.viewing import Viewer, viewer_of_client
from creditsys.addresses import client_address
from ratings.services.errors import Refused

#: What the operations are called in the record of calls.
OPERATIONS: Final = {
    "department_check": "核查名单",
    "department_check_result": "读取核查结果",
    "department_outcomes": "反馈核查结果",
}
#: Of a body.
MOST_BYTES: Final = 5 * 1024 * 1024
#: So many faults are told of.
_MOST_FAULTS: Final = 100
_CHECK: Final = ("purpose", "case_no", "title", "codes")
_REPORT: Final = ("row", "outcome", "amount_fen", "note")


class CheckView(ClientView):
    """Of the checks of the client's own department; there are no others for it."""

    scope = "department:check"

    def viewer(self) -> Viewer:
        """Raises Problem (404) for a client that is no department's."""
        if self.client.organisation.kind != Organisation.Kind.DEPARTMENT:
            raise Problem(404, _("您的机构不是部门，没有名单核查。"))
        return viewer_of_client(self.client, client_address(self.request._request))

    def check(self, number: int) -> BatchCheck:
        """Raises Problem (404)."""
        self.note(subject=str(number))
        found = BatchCheck.objects.filter(pk=number, department=self.viewer().department).first()
        if found is None:
            raise Problem(404, _("您的部门没有这次核查；编号见核查时的答复。"))
        return found

    def plain(self) -> None:
        """Nothing but the format may be asked for. Raises Problem (400)."""
        Parameters(dict(self.request._request.GET.lists()), (FORMAT,)).refuse()

    def answer_check(self, check: BatchCheck) -> HttpResponse:
        told = _told(check)
        self.note(rows=len(told["results"]), subject=str(check.pk), purpose=check.purpose)
        return self.answer(told)


class Checks(CheckView):
    operation = "department_check"
    http_method_names = ["post"]

    @check_operations.check
    def post(self, request: Request) -> HttpResponse:
        viewer = self.viewer()
        self.plain()
        key = key_of(request)
        body = read_body(request._request, MOST_BYTES)
        given = parse_object(body)
        listed = check_lists.read_codes(
            _asked(given, catalogue_on(timezone.localdate())), canonical(body, given)
        )
        try:
            made = batch_checks.check_list(
                viewer,
                listed,
                purpose=given["purpose"],
                case_no=given.get("case_no") or "",
                title=given["title"],
                at=timezone.now(),
                idempotency_key=key,
            )
        except batch_checks.KeyReused:
            raise Problem(409) from None
        except Refused:
            # all else was found out before: nothing that the purpose asks about is for this department
            raise Problem(422, _("该用途的核查条件所依据的信息都不对贵部门开放，不能核查。")) from None
        return self.answer_check(made)


class OneCheck(CheckView):
    operation = "department_check_result"
    http_method_names = ["get", "head"]

    @check_operations.result
    def get(self, request: Request, check: int) -> HttpResponse:
        found = self.check(check)
        self.plain()
        return self.answer_check(found)


class Outcomes(CheckView):
    operation = "department_outcomes"
    http_method_names = ["post"]

    @check_operations.outcomes
    def post(self, request: Request, check: int) -> HttpResponse:
        found = self.check(check)
        self.plain()
        reports = _reports(parse_object(read_body(request._request, MOST_BYTES)))
        try:
            changed = batch_checks.report_outcomes(self.viewer(), found, reports, timezone.now())
        except BadOutcomes as bad:
            places = {one.row: place for place, one in enumerate(reports)}
            faults = [(f"outcomes.{places[row]}.{field}", text) for row, field, text in bad.told]
            raise Problem(422, faults=faults[:_MOST_FAULTS]) from None
        self.note(subject=str(found.pk), purpose=found.purpose, rows=len(reports))
        told = found.lines.exclude(outcome="")
        return self.answer(
            {
                "check": found.pk,
                "rows": len(reports),
                "changed": changed,
                "reported": told.count(),
                "granted_in_spite": told.filter(outcome=Outcome.GRANTED, verdict="REJECT").count(),
            }
        )


def _asked(given: dict[str, Any], catalogue: Catalogue) -> list[str]:
    """The codes of a body whose other members are right. Raises Problem (400) with all that is wrong."""
    faults = Parameters(dict.fromkeys(given, ()), _CHECK)
    for name, most in (("purpose", 40), ("title", 200), ("case_no", 100)):
        value = given.get(name)
        if value is None and name == "case_no":
            continue
        if not isinstance(value, str) or not value.replace("\0", " ").strip():
            faults.wrong(name, _("须为字符串，不能空着。"))
        elif len(value.strip()) > most:
            faults.wrong(name, _("最多 {most} 字。"), most=most)
    purpose = given.get("purpose")
    if isinstance(purpose, str) and purpose.strip():
        offered = {one.key: one for one in catalogue.purposes if one.criteria}
        if purpose not in offered:
            faults.unlike("purpose", purpose, offered)
        elif offered[purpose].case_required and not given.get("case_no"):
            faults.wrong("case_no", _("这个用途须填案号或项目号。"))
    codes = given.get("codes")
    if not isinstance(codes, list) or not 1 <= len(codes) <= MAX_LINES:
        faults.wrong("codes", _("须为 1 至 {most} 个统一社会信用代码的数组。"), most=MAX_LINES)
    else:
        odd = [place for place, code in enumerate(codes) if not isinstance(code, str) or not code.strip()]
        for place in odd[:_MOST_FAULTS]:
            faults.wrong(f"codes.{place}", _("须为字符串，不能空着。"))
    faults.refuse()
    return list(codes or ())


def _reports(given: dict[str, Any]) -> list[Report]:
    """The reports of a body of the right shape. Raises Problem (400)."""
    faults = Parameters(dict.fromkeys(given, ()), ("outcomes",))
    rows = given.get("outcomes")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_LINES:
        faults.wrong("outcomes", _("须为 1 至 {most} 行的数组。"), most=MAX_LINES)
        rows = []
    found: list[Report] = []
    for place, one in enumerate(rows):
        wrong = _misshapen(one)
        for field, text in wrong:
            faults.wrong(f"outcomes.{place}.{field}" if field else f"outcomes.{place}", text)
        if not wrong:
            found.append(Report(one["row"], one["outcome"], one.get("amount_fen"), one.get("note") or ""))
        if len(faults.faults) > _MOST_FAULTS:
            break
    faults.refuse()
    return found


def _misshapen(one: Any) -> list[tuple[str, Text]]:
    if not isinstance(one, dict):
        return [("", _("须为 JSON 对象（花括号括起）。"))]
    faults: list[tuple[str, Text]] = [(str(name), _("没有这个字段。")) for name in one.keys() - {*_REPORT}]
    if not _is_whole(one.get("row"), 1, 2**31 - 1):
        faults.append(("row", _("须为核查结果中的序号。")))
    if one.get("outcome") not in Outcome.values:
        faults.append(("outcome", _("须为 GRANTED、REFUSED、OTHER 之一。")))
    if one.get("amount_fen") is not None and not _is_whole(one["amount_fen"], 0, batch_checks.MAX_FEN):
        faults.append(("amount_fen", _("须为金额，分，整数。")))
    if not isinstance(one.get("note", ""), str | None) or "\0" in (one.get("note") or ""):
        faults.append(("note", _("须为字符串。")))
    return faults


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _told(check: BatchCheck) -> dict[str, Any]:
    """A check with all its lines. Two queries with that of the check."""
    return {
        "check": check.pk,
        "at": check.at,
        "on": check.on,
        "purpose": check.purpose,
        "case_no": check.case_no,
        "title": check.title,
        "catalogue": check.catalogue,
        "left_out": check.left_out,
        "passed": check.passed,
        "attention": check.attention,
        "rejected": check.rejected,
        "unknown": check.unknown,
        "results": [_line(one) for one in check.lines.order_by("row")],
    }


def _line(line: CheckLine) -> dict[str, Any]:
    told = {"outcome": line.outcome, "amount_fen": line.amount_fen, "note": line.outcome_note}
    return {
        "row": line.row,
        "social_credit_code": line.uscc,
        "name": line.name,
        "verdict": line.verdict,
        "grade": line.grade,
        "score_thousandths": line.score,
        "reasons": line.reasons,
        "outcome": {**told, "at": line.outcome_at} if line.outcome else None,
    }
