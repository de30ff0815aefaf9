"""What officials do: loan products and pharmacies' authorisations, each act on record, the list brought along."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.db.models.fields.files import FieldFile

from applications.bank_loans import eligibility
from applications.bank_loans.application import APPLICATION
from applications.bank_loans.models import Authorisation, Change, LoanProduct
from creditsys import documents
from ratings.published import Step, districts, entries, scale, scheme_in_force
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused, RefusedRows

#: What may be set of a product once it is there.
TERMS: Final = (
    "name", "minimum_grade", "credit_line_fen", "loan_limit_fen", "districts", "minimum_months",
    "minimum_periods", "authorisation_required", "valid_from", "valid_until",
)  # fmt: skip
#: How many authorisations may be recorded at once.
MAX_ROWS: Final = 20_000
_FOLDER: Final = "bank_loans/authorisations"
_SANDBOX: Final = "联调用的产品是固定的，不作登记或修改。"
_BUSY: Final = "该产品的名单正在更新，没有办理；请过一两分钟再试。"


@dataclass(frozen=True, slots=True)
class Row:
    """One authorisation to be recorded, and where in the file it stands (1 = first)."""

    line: int
    code: str
    valid_from: date
    valid_until: date | None


class BadRows(RefusedRows):
    """Rows of a list of authorisations that cannot be recorded: (line, why); nothing was."""

    def __init__(self, faults: Sequence[tuple[int, str]]) -> None:
        super().__init__(f"{len(faults)} 处有误，一行也没有登记。请改正后重新上传。", faults)


def minimum_grades(today: date) -> tuple[Step, ...]:
    """The grades that a product may ask for: of the scheme in force, B or better."""
    scheme = scheme_in_force(settings.DEFAULT_SCHEME, today)
    steps = scale(scheme) if scheme else ()
    names = [step.name for step in steps]
    worst = APPLICATION.minimum_grade
    return steps[: names.index(worst) + 1] if worst in names else ()


@transaction.atomic
def create_product(
    *, by: Actor, reason: str, today: date, is_sandbox: bool = False, **values: Any
) -> LoanProduct:
    """A new product, its list derived at once; ``values`` are key, bank and TERMS.

    Raises Refused or ValidationError for what may not be so.
    """
    product = LoanProduct(is_sandbox=is_sandbox, **values)
    if not is_sandbox:
        _check_terms(product, today)
    product.full_clean()
    product.save()
    record(
        "新增贷款产品", product, by=by, reason=reason, key=product.key, bank=product.bank.name,
        terms=_told(product),
    )  # fmt: skip
    return _brought_up(product, today)


@transaction.atomic
def change_product(
    product: LoanProduct, terms: dict[str, Any], *, by: Actor, reason: str, today: date
) -> LoanProduct:
    """Set terms (of TERMS) of a product; its list is derived anew at once, and so told to the bank.

    Raises Refused or ValidationError for what may not be so, and where nothing would change.
    """
    if product.is_sandbox:
        raise Refused(_SANDBOX)
    product = _locked(product)
    before = _told(product)
    for name, value in terms.items():
        if name not in TERMS:
            raise ValueError(f"{name} is none of a product's terms")
        setattr(product, name, value)
    after = _told(product)
    changed = [name for name in TERMS if before[name] != after[name]]
    if not changed:
        raise Refused("没有任何改动。")
    _check_terms(product, today)
    product.full_clean()
    product.reckoned_on = None
    product.save(update_fields=[*changed, "reckoned_on"])
    record(
        "修改贷款产品", product, by=by, reason=reason,
        before={name: before[name] for name in changed}, after={name: after[name] for name in changed},
    )  # fmt: skip
    return _brought_up(product, today)


def _check_terms(product: LoanProduct, today: date) -> None:
    offered = [step.name for step in minimum_grades(today)]
    if product.minimum_grade not in offered:
        raise ValidationError(
            {"minimum_grade": f"最低等级可选：{'、'.join(offered) or '（没有施行中的规则）'}。"}
        )
    unknown = sorted(set(product.districts) - districts().keys())
    if unknown:
        raise ValidationError({"districts": f"没有这些区县：{'、'.join(map(str, unknown))}。"})
    product.districts = sorted(set(product.districts))


def _told(product: LoanProduct) -> dict[str, Any]:
    """The terms as the record keeps them."""
    values = {name: getattr(product, name) for name in TERMS}
    return {name: str(value) if isinstance(value, date) else value for name, value in values.items()}


def _brought_up(product: LoanProduct, today: date) -> LoanProduct:
    try:
        return eligibility.bring_up_to_date(product, today)
    except eligibility.Busy:
        raise Refused(_BUSY) from None


def _reckon(product: LoanProduct, today: date, codes: Iterable[str]) -> None:
    try:
        eligibility.reckon(product, today, Change.Cause.AUTHORISATION, list(codes))
    except eligibility.Busy:
        raise Refused(_BUSY) from None


@transaction.atomic
def record_authorisation(
    product: LoanProduct,
    code: str,
    document: documents.Upload,
    valid_from: date,
    valid_until: date | None,
    *,
    by: Actor,
    today: date,
) -> Authorisation:
    """Put a pharmacy's authorisation on record with its document; the list follows at once.

    ``valid_until`` is the first day on which it holds no more, None = until withdrawn. Raises Refused for a
    document that is no PDF, JPEG or PNG, a code that nobody has, dates that make no sense, and where one on
    record holds on some of the same days.
    """
    paper = _paper(document)
    product = _open(product)
    row = Row(1, code, valid_from, valid_until)
    faults = _faults(product, [row], today)
    if faults:
        raise Refused(faults[0][1])
    (made,) = _write(product, [row], paper, by)
    record("登记药店授权", made, by=by, product=product.key, code=code, **_dates(row), **_paper_told(paper))
    _reckon(product, today, [code])
    return made


@transaction.atomic
def record_authorisations(
    product: LoanProduct, rows: Sequence[Row], document: documents.Upload, *, by: Actor, today: date
) -> int:
    """Put many authorisations on record that one document proves (a scanned batch with its list): all or none.

    How many. Raises BadRows with every row that cannot be, Refused for the document and for an empty list.
    """
    paper = _paper(document)
    if not 0 < len(rows) <= MAX_ROWS:
        raise Refused(f"名单须有 1 至 {MAX_ROWS:,} 行，现有 {len(rows):,} 行。")
    product = _open(product)
    faults = _faults(product, rows, today)
    if faults:
        raise BadRows(faults)
    _write(product, rows, paper, by)
    record(
        "导入药店授权", product, by=by, rows=len(rows), codes=sorted(row.code for row in rows)[:1000],
        **_paper_told(paper),
    )  # fmt: skip
    _reckon(product, today, [row.code for row in rows])
    return len(rows)


@transaction.atomic
def withdraw_authorisation(
    authorisation: Authorisation, *, reason: str, by: Actor, today: date
) -> Authorisation:
    """Put on record that an authorisation is withdrawn from today on; the list follows at once.

    Raises Refused without a reason, and for one that has ended already.
    """
    if not reason.strip():
        raise Refused("请写明撤回原因。")
    product = _open(authorisation.product)
    current = Authorisation.objects.select_for_update().get(pk=authorisation.pk)
    if current.withdrawn_on is not None:
        raise Refused(f"该授权已于 {current.withdrawn_on} 撤回。")
    if current.valid_until is not None and current.valid_until <= today:
        raise Refused(f"该授权已于 {current.valid_until} 到期，无须撤回。")
    current.withdrawn_on, current.withdrawn_by, current.withdrawal_reason = today, by.name, reason.strip()
    current.save(update_fields=["withdrawn_on", "withdrawn_by", "withdrawal_reason"])
    record("撤回药店授权", current, by=by, reason=reason.strip(), product=product.key, code=current.code)
    _reckon(product, today, [current.code])
    return current


def open_document(authorisation: Authorisation) -> BinaryIO:
    """The document's content, ready to be read, after its SHA-256 has been checked. Raises Refused otherwise.

    Who may see it, and putting the look on record, is the caller's matter.
    """
    file: FieldFile = authorisation.document
    try:
        return documents.opened(file, authorisation.document_sha256)
    except documents.Unfit as unfit:
        raise Refused(f"授权书“{authorisation.document_name}”{unfit}") from unfit


def _open(product: LoanProduct) -> LoanProduct:
    """The product, locked, so that no other authorisation comes in between."""
    if product.is_sandbox:
        raise Refused(_SANDBOX)
    return _locked(product)


def _locked(product: LoanProduct) -> LoanProduct:
    try:
        return eligibility.locked(product.pk)
    except eligibility.Busy:
        raise Refused(_BUSY) from None


def _paper(upload: documents.Upload) -> documents.Document:
    try:
        return documents.checked(upload)
    except documents.Unfit as unfit:
        raise Refused(str(unfit)) from unfit


def _paper_told(paper: documents.Document) -> dict[str, Any]:
    return {"name": paper.name, "sha256": paper.sha256, "size": len(paper.content)}


def _dates(row: Row) -> dict[str, Any]:
    until = row.valid_until
    return {"valid_from": str(row.valid_from), "valid_until": None if until is None else str(until)}


def _write(
    product: LoanProduct, rows: Sequence[Row], paper: documents.Document, by: Actor
) -> list[Authorisation]:
    stored = documents.keep(paper, Authorisation._meta.get_field("document").storage, _FOLDER)
    return Authorisation.objects.bulk_create(
        [
            Authorisation(
                product=product,
                code=row.code,
                valid_from=row.valid_from,
                valid_until=row.valid_until,
                document=stored,
                document_name=paper.name,
                document_sha256=paper.sha256,
                recorded_by=by.name,
            )
            for row in rows
        ],
        batch_size=2000,
    )


def _faults(product: LoanProduct, rows: Sequence[Row], today: date) -> list[tuple[int, str]]:
    """(line, why) of each row that cannot be recorded. Two queries, however many rows."""
    codes = {row.code for row in rows}
    known = {entry.code for entry in entries(today, codes)}
    held: dict[str, list[tuple[date, date, str]]] = defaultdict(list)
    kept = Authorisation.objects.filter(Q(valid_until=None) | Q(valid_until__gt=today), product=product)
    for one in kept.filter(code__in=codes).order_by("pk"):
        until = min(one.valid_until or date.max, one.withdrawn_on or date.max)
        held[one.code].append((one.valid_from, until, f"已登记的授权 #{one.pk}"))
    faults = []
    for row in rows:
        until = row.valid_until or date.max
        fault = ""
        if row.code not in known:
            fault = f"没有编码为“{row.code[:20]}”的定点药店。"
        elif until <= row.valid_from:
            fault = "失效日须晚于起始日。"
        elif until <= today:
            fault = "授权已经到期，不能登记。"
        else:
            other = next((one for one in held[row.code] if one[0] < until and row.valid_from < one[1]), None)
            if other is not None:
                fault = f"药店 {row.code} 与{other[2]}的期限重叠（{_span(*other[:2])}）；可先撤回原授权。"
            held[row.code].append((row.valid_from, until, f"第 {row.line} 行"))
        if fault:
            faults.append((row.line, fault))
    return faults


def _span(start: date, until: date) -> str:
    return f"{start} 起，至撤回" if until == date.max else f"{start} 至 {until}"
