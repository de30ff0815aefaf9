"""What the demo city shows of loans: a bank, three products, authorisations, a client, and loans of eight pharmacies.

Shaoxing's figure was eight pharmacies and 8.519 million yuan. All of it is generated, says so, and goes through
the services, as officials and the bank would do it.
"""

import io
import json
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from applications.bank_loans import services
from applications.bank_loans.feedback import take_in
from applications.bank_loans.models import Authorisation, FeedbackBatch, LoanProduct, Standing
from applications.clients.models import Client, Organisation
from applications.clients.oauth import scopes_of
from applications.clients.services import issue_secret, register_client, register_organisation
from ratings.published import current_page
from ratings.services.audit import Actor

KEY: Final = "yaodian-edai"
BANK: Final = "abc-zhejiang"
_ACTOR: Final = Actor("manage.py demo_applications")
_REASON: Final = "供演示，非真实数据"
_WAN: Final = 1_000_000
_CREDENTIALS: Final = "demo_client.json"
#: Of each pharmacy: granted, drawn and repaid (万元), days ago that it was granted, overdue today (万元).
_LOANS: Final = (
    (200, "150", "60", 400, "0"),
    (150, "120", "20", 370, "0"),
    (300, "100", "100", 330, "0"),
    (120, "100", "0", 280, "3.6"),
    (100, "95", "35", 240, "0"),
    (150, "110", "10", 190, "0"),
    (100, "86.9", "0", 120, "0"),
    (120, "90", "0", 60, "0"),
)
#: Every so many-th pharmacy has signed an authorisation.
_SHARE: Final = 3


def furnish() -> list[str]:
    """Give the demo what is not there yet; lines that tell who may sign in as what."""
    today = timezone.localdate()
    bank = Organisation.objects.filter(key=BANK).first() or register_organisation(
        BANK, "农业银行浙江省分行（演示）", "BANK", by=_ACTOR
    )
    product = _product(bank, KEY, "药店e贷（演示）", today)
    _product(
        bank,
        "yaodian-zhouzhuan",
        "药店周转贷（演示）",
        today,
        minimum_grade="A",
        credit_line_fen=100 * _WAN,
        loan_limit_fen=50 * _WAN,
        minimum_months=24,
        minimum_periods=2,
        authorisation_required=False,
    )
    _product(bank, "sandbox", "联调产品（演示）", today, is_sandbox=True)
    client = Client.objects.filter(organisation=bank).order_by("pk").first()
    if client is None:
        client = register_client(bank, "信贷系统（演示）", scopes_of(bank.kind), by=_ACTOR)
    if not Authorisation.objects.filter(product=product).exists():
        _authorise(product, today)
    if not FeedbackBatch.objects.filter(product=product).exists():
        _lend(client, product, today)
    return [
        f"银行接口演示客户端：{client.client_id}，密钥在 {_credentials(client)}",
        f"  贷款产品 {KEY}（须授权）、yaodian-zhouzhuan、sandbox（联调用，答案固定）；接口说明 /api/v1/schema/",
    ]


def _product(bank: Organisation, key: str, name: str, today: date, **values: Any) -> LoanProduct:
    known = LoanProduct.objects.filter(key=key).first()
    terms = {
        "minimum_grade": "B",
        "credit_line_fen": 1000 * _WAN,
        "loan_limit_fen": 300 * _WAN,
        "authorisation_required": True,
        "valid_from": today - timedelta(days=450),
        **values,
    }
    return known or services.create_product(
        by=_ACTOR, reason=_REASON, today=today, bank=bank, key=key, name=name, **terms
    )


def _authorise(product: LoanProduct, today: date) -> None:
    """A third of the pharmacies has signed; two one by one, of which one withdrew, the others by one batch."""
    signed = [grade.code for grade in current_page("", 10_000, today)][::_SHARE]
    start = product.valid_from
    for code in signed[:2]:
        made = services.record_authorisation(
            product, code, _paper([code]), start, None, by=_ACTOR, today=today
        )
    services.withdraw_authorisation(made, reason="药店来函撤回（演示）", by=_ACTOR, today=today)
    rows = [services.Row(line, code, start, None) for line, code in enumerate(signed[2:], 2)]
    services.record_authorisations(product, rows, _paper(signed[2:]), by=_ACTOR, today=today)


def _paper(codes: list[str]) -> SimpleUploadedFile:
    """A small PDF that says what it is."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    out = io.BytesIO()
    canvas = Canvas(out)
    canvas.setFont("STSong-Light", 16)
    canvas.drawString(72, 770, "授权书（演示，生成的文件，非真实授权）")
    canvas.setFont("STSong-Light", 11)
    canvas.drawString(72, 740, f"药店 {len(codes)} 家：{codes[0]}{' 等' if len(codes) > 1 else ''}")
    canvas.drawString(72, 720, "DEMO - generated, not a real authorisation")
    canvas.save()
    return SimpleUploadedFile("授权书（演示）.pdf", out.getvalue(), content_type="application/pdf")


def _lend(client: Client, product: LoanProduct, today: date) -> None:
    """What the bank has reported: one report for each loan, and one by which a mistake is taken back."""
    listed = Standing.objects.filter(product=product, reasons=[]).order_by("code")
    codes = listed.values_list("code", flat=True)
    # Of different districts: not the first eight.
    chosen = codes[:: max(1, len(codes) // len(_LOANS))][: len(_LOANS)]
    for place, (code, loan) in enumerate(zip(chosen, _LOANS, strict=False), 1):
        _report(client, product, f"demo-{place}", _events(place, code, loan, today), today)
    if chosen:
        mistake = _event("DEMO-1-X", "DEMO-1", chosen[0], "drawn", _fen("5"), today)
        undone = {**mistake, "event_no": "DEMO-1-Y", "kind": "reversed", "reverses": "DEMO-1-X"}
        _report(client, product, "demo-reversal", [mistake, undone], today)


def _events(place: int, code: str, loan: tuple[Any, ...], today: date) -> list[dict[str, Any]]:
    granted, drawn, repaid, ago, overdue = loan
    number, first = f"DEMO-{place}", today - timedelta(days=ago)
    found = [
        _event(f"{number}-1", number, code, "granted", granted * _WAN, first),
        _event(f"{number}-2", number, code, "drawn", _fen(drawn), first + timedelta(days=3)),
    ]
    if _fen(repaid):
        found.append(_event(f"{number}-3", number, code, "repaid", _fen(repaid), first + timedelta(days=150)))
    if _fen(overdue):
        found.append(_event(f"{number}-4", number, code, "overdue", _fen(overdue), today))
    return found


def _fen(wan: str) -> int:
    """万元, written with one decimal at most, in fen."""
    whole, _, rest = wan.partition(".")
    return int(whole) * _WAN + int(rest or 0) * _WAN // 10


def _event(event_no: str, loan_no: str, code: str, kind: str, fen: int, on: date) -> dict[str, Any]:
    return {
        "event_no": event_no,
        "loan_no": loan_no,
        "kind": kind,
        "code": code,
        "on": on.isoformat(),
        "amount_fen": fen,
    }


def _report(
    client: Client, product: LoanProduct, key: str, events: Iterable[dict[str, Any]], today: date
) -> None:
    lines = list(events)
    content = {"rows": len(lines), "total_fen": sum(one["amount_fen"] for one in lines), "events": lines}
    take_in(client, product, key, content, today)


def _credentials(client: Client) -> Path:
    """The file with the client's secret, for its owner's eyes only; a new secret where it is of another client."""
    path: Path = settings.DATA_DIR / _CREDENTIALS
    if path.exists() and json.loads(path.read_text()).get("client_id") == client.client_id:
        return path
    _, plain = issue_secret(client, by=_ACTOR)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({"client_id": client.client_id, "client_secret": plain}))
    return path
