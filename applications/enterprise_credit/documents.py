"""The catalogue and the enterprise rule: stored as versions, put in force by another person, read as of a day."""

import contextlib
import functools
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final

from django.db import transaction
from django.utils import timezone

from applications.clients.models import Organisation
from applications.clients.services import register_organisation
from applications.enterprise_credit.models import RuleDocument
from applications.enterprise_credit.rules.assessment import EnterpriseRule
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.rules.reading import read_catalogue, read_rule
from ratings.rules.problems import SchemeError
from ratings.rules.reading import read_tree
from ratings.services.audit import SYSTEM, Actor, record
from ratings.services.errors import Refused

#: The documents that come with the system.
SHIPPED: Final = Path(__file__).parent / "documents"
#: Who stored what comes with the system.
_STORED_BY: Final = "随系统提供"


class NoDocument(LookupError):
    """No version of a document is in force on a day."""


def catalogue_on(day: date) -> Catalogue:
    """The catalogue in force on a day (Asia/Shanghai). One query. Raises NoDocument."""
    return _catalogue(_in_force(RuleDocument.Kind.CATALOGUE, day))


def rule_on(day: date) -> EnterpriseRule:
    """The enterprise rule in force on a day (Asia/Shanghai). One query. Raises NoDocument."""
    return _rule(_in_force(RuleDocument.Kind.ENTERPRISE_RULE, day))


def parsed(stored: RuleDocument) -> Catalogue | EnterpriseRule:
    """A stored version, read. Raises SchemeError where it is not sound."""
    return (_catalogue if stored.kind == RuleDocument.Kind.CATALOGUE else _rule)(stored.document)


def rule_named(name: str) -> EnterpriseRule:
    """The enterprise rule written ``key@version``, once in force. One query. Raises NoDocument."""
    key, _, version = name.partition("@")
    rows = RuleDocument.objects.filter(
        kind=RuleDocument.Kind.ENTERPRISE_RULE, key=key, version=version, activated_at__isnull=False
    )
    found = rows.values_list("document", flat=True).first()
    if found is None:
        raise NoDocument(f"no enterprise rule {name}")
    return _rule(found)


def read(kind: str, document: str) -> Catalogue | EnterpriseRule:
    """Check a document of a kind of RuleDocument. Raises SchemeError with every problem.

    A catalogue may name the grades of rules that are in force when it takes effect, and of drafts; a rule what the
    catalogue that is in force when the rule takes effect has.
    """
    # Read ahead of all checks, so that what refers to another document is told with the rest.
    day = read_tree(document.encode(), "文本").get("effective_on")
    if type(day) is not date:
        day = timezone.localdate()
    if kind == RuleDocument.Kind.CATALOGUE:
        return read_catalogue(document, _grades(day) or None)
    try:
        catalogue = catalogue_on(day)
    except NoDocument:
        return read_rule(document)
    return read_rule(document, catalogue)


def _grades(day: date, *, drafts: bool = True) -> list[str]:
    """Names of grades of the rule in force on a day, and of drafts."""
    rules = RuleDocument.objects.filter(kind=RuleDocument.Kind.ENTERPRISE_RULE, activated_at=None)
    texts = list(rules.values_list("document", flat=True)) if drafts else []
    with contextlib.suppress(NoDocument):
        texts.append(_in_force(RuleDocument.Kind.ENTERPRISE_RULE, day))
    return list(dict.fromkeys(grade.name for text in texts for grade in _rule(text).grades))


@transaction.atomic
def store(kind: str, document: str, *, by: Actor) -> RuleDocument:
    """Check a document and keep it as a draft; a draft of the same key and version is replaced.

    Raises SchemeError with every problem that it has, and Refused when that version is in force with another text.
    """
    header = read(kind, document)
    digest = sha256(document.encode()).hexdigest()
    drafts = RuleDocument.objects.select_for_update().filter(
        kind=kind, key=header.key, version=header.version
    )
    stored = drafts.first() or RuleDocument(kind=kind, key=header.key, version=header.version)
    if stored.sha256 == digest:
        return stored
    if stored.activated_at:
        raise Refused(f"{stored} 已启用，文本不得更改；请把 version 改为更大的数后再存。")
    stored.title, stored.effective_on = header.title, header.effective_on
    stored.document, stored.sha256 = document, digest
    stored.stored_by, stored.stored_at = by.name, timezone.now()
    stored.save()
    record("存入信用信息目录或规则", stored, by=by, sha256=digest)
    return stored


@transaction.atomic
def activate(stored: RuleDocument, *, by: Actor, reason: str = "") -> RuleDocument:
    """Put a draft in force from its effective date; departments that a catalogue names are registered.

    Raises Refused for whoever stored it, where another version is in force from the same day, and for a catalogue
    that names grades which no rule in force has by then: cases of joint measures by such a grade would all end.
    """
    stored = RuleDocument.objects.select_for_update().get(pk=stored.pk)
    if stored.activated_at:
        return stored
    if stored.stored_by == by.name:
        raise Refused("存入和启用不能是同一人；请由另一人启用。")
    if stored.kind == RuleDocument.Kind.CATALOGUE:
        try:
            read_catalogue(stored.document, _grades(stored.effective_on, drafts=False) or None)
        except SchemeError as error:
            raise Refused(f"{error.problems[0]} 请先启用改了等级的企业评定规则。") from None
    others = RuleDocument.objects.filter(kind=stored.kind, effective_on=stored.effective_on)
    if rival := others.filter(activated_at__isnull=False).first():
        raise Refused(f"{rival} 已自 {stored.effective_on} 起施行；请为新版本另定施行日期。")
    stored.activated_by, stored.activated_at = by.name, timezone.now()
    stored.save(update_fields=["activated_by", "activated_at"])
    if stored.kind == RuleDocument.Kind.CATALOGUE:
        for key, name in _unregistered(_catalogue(stored.document)).items():
            register_organisation(key, name, Organisation.Kind.DEPARTMENT, by=by)
    record("启用信用信息目录或规则", stored, by=by, reason=reason, sha256=stored.sha256)
    return stored


@transaction.atomic
def ship() -> None:
    """Put the documents that come with the system in force where there are none; after every migration.

    Like the shipped groups, they are no act of a person, and go on record only when somebody replaces them.
    """
    for kind, name in (
        (RuleDocument.Kind.CATALOGUE, "catalogue.toml"),
        (RuleDocument.Kind.ENTERPRISE_RULE, "enterprise-rule.toml"),
    ):
        if RuleDocument.objects.filter(kind=kind).exists():
            continue
        document = (SHIPPED / name).read_text()
        header = read(kind, document)
        RuleDocument.objects.create(
            kind=kind,
            key=header.key,
            version=header.version,
            title=header.title,
            effective_on=header.effective_on,
            document=document,
            sha256=sha256(document.encode()).hexdigest(),
            stored_by=_STORED_BY,
            activated_by=SYSTEM.name,
            activated_at=timezone.now(),
        )
        if isinstance(header, Catalogue):
            Organisation.objects.bulk_create(
                Organisation(key=key, name=name, kind=Organisation.Kind.DEPARTMENT)
                for key, name in _unregistered(header).items()
            )


def _unregistered(catalogue: Catalogue) -> dict[str, str]:
    """Departments that the catalogue names and that are no organisations yet: key to name."""
    known = set(Organisation.objects.values_list("key", flat=True))
    return {one.key: one.name for one in catalogue.departments if one.key not in known}


def _in_force(kind: str, day: date) -> str:
    rows = RuleDocument.objects.filter(kind=kind, activated_at__isnull=False, effective_on__lte=day)
    found = rows.order_by("-effective_on").values_list("document", flat=True).first()
    if found is None:
        raise NoDocument(f"no {kind} in force on {day}")
    return found


@functools.lru_cache(maxsize=8)
def _catalogue(document: str) -> Catalogue:
    return read_catalogue(document)


@functools.lru_cache(maxsize=8)
def _rule(document: str) -> EnterpriseRule:
    return read_rule(document)
