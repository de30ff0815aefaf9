"""The one-time link of a pharmacy: its result, why, its rights, and the form to object. No account.

Opening takes a press of a button, so that programs that look at links in messages use none up.
The page with the button gives each browser a secret in a cookie that only this address gets; the one
that presses is known by it from then on. So the button may be pressed twice, or its answer be lost; and
a browser that keeps no cookies is told so before the link is used up.

The address is itself a secret, which nobody who forges requests can know, so the forms need no CSRF
token; with ``no-referrer``, browsers would send none of what Django compares it with.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from creditsys.addresses import client_address
from creditsys.marks import grade_badge
from ratings.models import Adjustment, Complaint, NoticeLink, Objection, Pharmacy, Violation
from ratings.public.shell import answer, body_size, guarded
from ratings.rules.exact import decimal_text
from ratings.rules.explanation import Explanation
from ratings.rules.moves import OBJECTION_STATES
from ratings.rules.periods import Period
from ratings.rules.telling import month_end_text
from ratings.services.errors import Refused
from ratings.services.explanations import explain_standing
from ratings.services.links import LinkClosed, check_browser, find_link, new_secret, open_link, visitor
from ratings.services.objection_reviews import REVIEW_TERM, review_until
from ratings.services.objections import check_objection, receive_objection
from ratings.services.redress import lineage
from ratings.services.rights import rights_under_notice
from ratings.services.schemes import parsed
from ratings.services.standing import Standing, standing
from ratings.services.steps import shown_day

#: Files that one objection may bring through a link.
MAX_FILES: Final = 5
_COOKIE: Final = "notice_link"
#: What ``new_secret`` makes; anything else in the cookie is not from us.
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
#: What each page says whose link shows nothing: title, text.
_CLOSED: Final = {
    "unknown": ("没有这个链接", "地址可能没有复制完整。请对照短信或通知，把地址完整地重新打开一次。"),
    "opened": (
        "此链接已经打开过",
        "为保护药店的信息，告知链接只能打开一次，之后只在当时的那台手机或电脑、那个浏览器里有效。"
        "如果那不是您本人打开的，请立即告知我们；我们可以为您重新签发，旧链接随即作废。",
    ),
    "expired": (
        "此链接已经失效",
        "告知链接只在公示期内有效。公示结束后，等级将正式发布；对已发布的等级，仍可到医保经办机构提出异议。"
        "已通过链接提出异议的，处理决定将按您留下的联系方式告知。",
    ),
    "revoked": ("此链接已被取代", "已为您的药店签发了新的链接，请使用最近收到的那一个。"),
}
#: A proposal that waits for its decision is told as work in hand.
_IN_HAND: Final = {"PROPOSED": "OPEN", "REVIEW_PROPOSED": "REVIEW_REQUESTED"}
_STATUS: Final = {"unknown": HTTPStatus.NOT_FOUND, "opened": HTTPStatus.FORBIDDEN}


@dataclass(frozen=True)
class Typed:
    """What stands in the form: as typed, so that an error loses nothing but the chosen files."""

    ground: str = ""
    statement: str = ""
    contact: str = ""
    facts: Sequence[str] = field(default=())


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The landing page with its button, then the result for the browser that pressed it."""
    try:
        link, browser = find_link(token), _browser(request)
        pressed = request.method == "POST" and _from_here(request)
        if pressed and browser:
            link = open_link(token, browser=browser, address=client_address(request))
        elif link.opened_at is None:
            return _landing(request, link, token, forgetful=pressed)
        check_browser(link, browser)
    except LinkClosed as closed:
        return _closed(request, closed.kind)
    if request.method == "POST":
        return _to_page(token)
    return _result(request, link, token)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def objection(request: HttpRequest, token: str) -> HttpResponse:
    """Take in the objection of the browser that opened the link; any other is turned away unread."""
    try:
        link = find_link(token)
        check_browser(link, _browser(request))
    except LinkClosed as closed:
        return _closed(request, closed.kind)
    if request.method != "POST" or not _from_here(request):
        return _to_page(token)
    if body_size(request) > (MAX_FILES * settings.EVIDENCE_MAX_MB + 1) * 1024 * 1024:
        told = f"上传的文件太大：最多 {MAX_FILES} 个，每个不超过 {settings.EVIDENCE_MAX_MB} MB。您填写的内容没有收到，请重新填写。"
        return _result(request, link, token, error=told)
    typed = Typed(
        ground=request.POST.get("ground", ""),
        statement=request.POST.get("statement", ""),
        contact=request.POST.get("contact", ""),
        facts=request.POST.getlist("facts"),
    )
    uploads = request.FILES.getlist("files")
    try:
        if len(uploads) > MAX_FILES:
            raise Refused(f"最多上传 {MAX_FILES} 个文件，请合并后再传。")
        if not typed.contact.strip():
            # The link ends with the notice, and the answer may come after it.
            raise Refused("请填写联系人和电话，用于把处理决定告知您。")
        receive_objection(
            link.rating,
            ground=typed.ground,
            statement=typed.statement,
            contact=typed.contact,
            channel=Objection.Channel.LINK,
            facts=_named_facts(typed.facts, link.rating.pharmacy),
            uploads=uploads,
            by=visitor(link, client_address(request)),
        )
    except Refused as refused:
        kept = "已填的文字保留在下面；文件需要重新选择。" if uploads else ""
        return _result(request, link, token, typed=typed, error=f"没有提交成功：{refused}{kept}")
    return _to_page(token, "#objections")


def _from_here(request: HttpRequest) -> bool:
    """False for what another site's page sends; browsers say so themselves."""
    return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")


def _browser(request: HttpRequest) -> str:
    """The secret that this address gave the browser before; "" for one that has none."""
    known = request.COOKIES.get(_COOKIE, "")
    return known if _SECRET.fullmatch(known) else ""


# Pages


def _landing(request: HttpRequest, link: NoticeLink, token: str, *, forgetful: bool) -> HttpResponse:
    """The page with the button; ``forgetful``: it was pressed in a browser that kept no cookie."""
    response = answer(request, "link/landing", {"title": "信用评价结果告知", "forgetful": forgetful})
    response.set_cookie(
        _COOKIE,
        # A second tab must not make the first one's secret void.
        _browser(request) or new_secret(),
        path=reverse("public:link", args=(token,)),
        expires=link.expires_at,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def _to_page(token: str, place: str = "") -> HttpResponse:
    response = HttpResponseRedirect(reverse("public:link", args=(token,)) + place)
    response.status_code = HTTPStatus.SEE_OTHER
    return guarded(response)


def _closed(request: HttpRequest, kind: str) -> HttpResponse:
    title, text = _CLOSED[kind]
    status = _STATUS.get(kind, HTTPStatus.GONE)
    return answer(request, "link/closed", {"title": title, "text": text}, status=status)


def _result(
    request: HttpRequest, link: NoticeLink, token: str, *, typed: Typed | None = None, error: str = ""
) -> HttpResponse:
    rating = link.rating
    period = rating.run.life
    scheme = parsed(rating.run.scheme)
    now = standing(rating)
    explanation, problem = _explained(link, now)
    names = [(grade.name, grade.label) for grade in scheme.grades]
    objections = list(rating.objections.prefetch_related("evidence").order_by("id"))
    context = {
        "title": f"{rating.pharmacy.name}的信用评价结果",
        "pharmacy": rating.pharmacy,
        "district": rating.district.name,
        "period": period,
        "period_label": Period.parse(period.period).label,
        "scheme": scheme.document.title,
        "badge": grade_badge(now.position, names),
        "score": decimal_text(now.score) if now.score is not None else "",
        "explanation": explanation,
        # Where more than the facts decides, what would better the facts' grade says nothing of the one that stands.
        "reckoned": grade_badge(now.reckoned, names) if now.judged else "",
        "timeline": _timeline(explanation, names) if explanation and not now.judged else [],
        "problem": problem,
        "changes": _changes(link, names),
        "dates": (shown_day(period.notice_from), shown_day(period.notice_until))
        if period.notice_from and period.notice_until
        else None,
        "rights": rights_under_notice(
            period, timezone.localdate(), how="用本页下方的表格提出，也可到窗口提出"
        ),
        "objections": [_told(row) for row in objections],
        "form": {
            **_form(link, explanation, typed or Typed()),
            "waiting": any(row.is_open for row in objections),
        },
        "error": error,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return answer(request, "link/result", {**context, "token": token}, status=status)


def _explained(link: NoticeLink, now: Standing) -> tuple[Explanation | None, str]:
    """Every point in Chinese; where the stored result cannot be confirmed, a remark instead."""
    try:
        return explain_standing(link.rating, now, over_time=True), ""
    except Refused:
        return None, "计算依据暂时无法显示，请与我们联系，我们会尽快核实并告知。"


def _timeline(explanation: Explanation, names: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """What time alone brings: each month in which something changes, with the grade from then on."""
    return [
        {
            "when": month_end_text(stage.day),
            "texts": stage.texts,
            "score": decimal_text(stage.score) if stage.position >= 0 else "",
            "badge": grade_badge(stage.position, names),
            "change": "等级变好" if stage.better else "等级变差" if stage.worse else "",
        }
        for stage in explanation.timeline
    ]


def _changes(link: NoticeLink, names: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Each approved change of the computed grade, with its clause and reason (the subject must be told)."""
    rows = Adjustment.objects.filter(rating=link.rating, state=Adjustment.State.APPROVED)
    return [
        {
            "day": shown_day(timezone.localdate(row.decided_at)),
            "cause": row.get_cause_display(),
            "before": grade_badge(row.from_grade, names),
            "after": grade_badge(row.to_grade, names),
            "same": row.from_grade == row.to_grade,
            "clause": row.clause,
            "text": row.text,
        }
        for row in rows.order_by("decided_at", "id")
    ]


def _told(row: Objection) -> dict[str, Any]:
    """What the pharmacy may know of its objection: no names of staff, no proposal before it is decided.

    A decision is told with the reasons of the opinion that it adopts: those who decide often write
    no more than that they agree.
    """
    decided = row.decided_at and shown_day(timezone.localdate(row.decided_at))
    reviewed = row.reviewed_at and shown_day(timezone.localdate(row.reviewed_at))
    return {
        "number": row.pk,
        "day": shown_day(row.handed_in_on),
        "ground": row.get_ground_display(),
        "statement": row.statement,
        "files": [evidence.name for evidence in row.evidence.all()],
        "state": OBJECTION_STATES[_IN_HAND.get(row.state, row.state)].label,
        "due": shown_day(row.due_on) if row.is_open else "",
        "decision": (decided, row.proposed_text, row.decision_text) if decided else None,
        "served": shown_day(row.served_on) if row.served_on else "",
        "review_until": shown_day(review_until(row)) if row.state == "REJECTED" else "",
        "review_term": REVIEW_TERM,
        "review": (reviewed, row.review_proposed_text, row.review_text) if reviewed else None,
    }


def _form(link: NoticeLink, explanation: Explanation | None, typed: Typed) -> dict[str, Any]:
    try:
        check_objection(link.rating)
        refusal = ""
    except Refused as refused:
        refusal = str(refused)
    lines = [fact for part in explanation.indicators for fact in part.facts] if explanation else []
    # Which record it is; what it scores is told above.
    facts = {f"{fact.source}-{fact.fact_id}": fact.text.partition("。")[0] for fact in lines}
    return {
        "refusal": refusal,
        "grounds": Objection.Ground.choices,
        "typed": typed,
        "facts": [(value, text, value in typed.facts) for value, text in facts.items()],
        "max_files": MAX_FILES,
        "max_mb": settings.EVIDENCE_MAX_MB,
    }


def _named_facts(names: Sequence[str], pharmacy: Pharmacy) -> list[Violation | Complaint]:
    """The facts that were ticked.

    Raises Refused for what the page did not offer; of other pharmacies' facts, not even that
    they are.
    """
    shops = lineage(pharmacy)
    found: list[Violation | Complaint] = []
    wanted: dict[str, set[int]] = {"violations": set(), "complaints": set()}
    for name in names:
        source, _dash, number = name.partition("-")
        if source not in wanted or not number.isascii() or not number.isdecimal() or len(number) > 18:
            raise Refused("所选的记录有误，请刷新页面后重新勾选。")
        wanted[source].add(int(number))
    found += Violation.objects.filter(pk__in=wanted["violations"], pharmacy__in=shops)
    found += Complaint.objects.filter(pk__in=wanted["complaints"], pharmacy__in=shops)
    if len(found) != len(wanted["violations"]) + len(wanted["complaints"]):
        raise Refused("所选的记录有误，请刷新页面后重新勾选。")
    return found
