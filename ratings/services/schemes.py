"""Storing, activating and finding scheme versions."""

import functools
from datetime import date

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ratings.models import SchemeVersion
from ratings.rules import Scheme, SchemeError, parse_scheme, scheme_hash
from ratings.services.audit import Actor, record
from ratings.services.errors import Refused


@transaction.atomic
def store_scheme(document: str, *, by: Actor, file: str = "上传文件") -> SchemeVersion:
    """Check a document and keep it as a draft; the same document again is the same version.

    A draft of the same key and version is replaced. Raises SchemeError with all problems;
    Refused when that version is in force with another text.
    """
    scheme = parse_scheme(document.encode(), file)
    header = scheme.document
    digest = scheme_hash(document.encode())
    known = SchemeVersion.objects.select_for_update().filter(key=header.key, version=header.version).first()
    if known is not None and known.sha256 == digest:
        return known
    if known is not None and (known.in_force or known.runs.exists()):
        raise Refused(
            f"规则 {header.key} 第 {header.version} 版已启用，文本不得更改；请把 version 改为更大的数后再存。"
        )
    stored = known or SchemeVersion(key=header.key, version=header.version)
    before = {"sha256": known.sha256} if known else None
    stored.title, stored.effective_on = header.title, header.effective_on
    stored.document, stored.sha256 = document, digest
    stored.stored_by, stored.stored_at = by.name, timezone.now()
    stored.save()
    record("存入评价规则", stored, by=by, before=before, after={"sha256": digest})
    return stored


@transaction.atomic
def activate_scheme(scheme: SchemeVersion, *, by: Actor, reason: str = "") -> SchemeVersion:
    """Put a draft in force from its effective date; it is immutable from then on.

    Activating what is in force changes nothing. Raises Refused when another version of the
    same key is in force from the same day.
    """
    scheme = SchemeVersion.objects.select_for_update().get(pk=scheme.pk)
    if scheme.in_force:
        return scheme
    rival = SchemeVersion.objects.filter(
        key=scheme.key, effective_on=scheme.effective_on, activated_at__isnull=False
    ).first()
    if rival is not None:
        raise Refused(f"{rival} 已自 {scheme.effective_on} 起施行；请为新版本另定施行日期。")
    scheme.activated_by, scheme.activated_at = by.name, timezone.now()
    scheme.save(update_fields=["activated_by", "activated_at"])
    record("启用评价规则", scheme, by=by, reason=reason, sha256=scheme.sha256)
    return scheme


def scheme_in_force(key: str, on: date) -> SchemeVersion:
    """The version of ``key`` in force on a day. Raises Refused when there is none."""
    found = (
        SchemeVersion.objects.filter(key=key, activated_at__isnull=False, effective_on__lte=on)
        .order_by("-effective_on")
        .first()
    )
    if found is None:
        raise Refused(
            f"{on} 没有施行中的规则“{key}”：请用 manage.py scheme list 查看，或先启用一个施行日期不晚于该日的版本。"
        )
    return found


def find_scheme(name: str, on: date) -> SchemeVersion:
    """The scheme written ``key`` (in force on the day) or ``key@version``. Raises Refused."""
    key, at, version = name.partition("@")
    if not at:
        return scheme_in_force(key, on)
    found = SchemeVersion.objects.filter(key=key, version=version).first() if version.isdigit() else None
    if found is None:
        raise Refused(f"没有规则“{name}”：写法为 key@版本号，如 {settings.DEFAULT_SCHEME}@1。")
    return found


def parsed(scheme: SchemeVersion) -> Scheme:
    """The scheme of a stored version. Raises Refused when its text is not what was stored."""
    if scheme_hash(scheme.document.encode()) != scheme.sha256:
        raise Refused(f"规则 {scheme} 的文本与其 SHA-256 不符，可能被改动过。")
    return _parsed(scheme.document)


@functools.lru_cache(maxsize=32)
def _parsed(document: str) -> Scheme:
    try:
        return parse_scheme(document.encode(), "已存规则")
    except SchemeError as error:
        raise Refused(f"已存规则无法读取：{error}") from error
