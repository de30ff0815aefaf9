"""Looks at enterprises: what they are for, and the record that is kept of each for ten years.

The rows of ``Look`` are the record of the act itself; no audit event repeats them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.models import BatchCheck, CheckLine, CreditSubject, Look
from applications.enterprise_credit.rules.catalogue import Catalogue, Purpose, Watch
from applications.enterprise_credit.viewing import Viewer
from ratings.published import enterprise_districts
from ratings.services.errors import Refused

#: How long a profile that was opened for a purpose may be read on.
READ_ON: Final = timedelta(minutes=30)
LONGEST_CASE_NO: Final = 100


@dataclass(frozen=True, slots=True)
class Aim:
    """What a look-up is for; ``case_no`` is "" where there is no case."""

    purpose: Purpose
    case_no: str


def stated(catalogue: Catalogue, purpose: str, case_no: str) -> Aim:
    """The aim that was stated: the key of a purpose, and the number of a case.

    Raises Refused without a purpose, for an unknown one, where the purpose asks for a case number, and for one that
    is too long.
    """
    if not purpose:
        raise Refused("未写明用途，不能查询：请选择查询用途后再查。")
    found = catalogue.purpose(purpose)
    if found is None:
        raise Refused(
            f"目录中没有用途“{purpose[:40]}”：请从现行目录所列用途中选择（{_choices(catalogue)}）。"
        )
    case_no = " ".join(case_no.replace("\0", " ").split())
    if found.case_required and not case_no:
        raise Refused(f"用途“{found.title}”须填案号或项目号：请填写后再查。")
    if len(case_no) > LONGEST_CASE_NO:
        raise Refused(f"案号或项目号最长 {LONGEST_CASE_NO} 字，现有 {len(case_no)} 字：请缩短后再查。")
    return Aim(found, case_no)


def record_look(
    viewer: Viewer,
    aim: Aim,
    form: str,
    *,
    uscc: str,
    name: str,
    found: bool,
    district: int | None,
    shown: Mapping[str, Any],
    at: datetime,
    address: str | None = None,
    districts: Collection[int] = (),
) -> Look:
    """Put a look at one enterprise on record, before anything of it is sent.

    ``form`` is one of Look.Form; ``district`` where the enterprise is (GB/T 2260, None = not known), ``districts``
    where its pharmacies are, as far as known; ``shown`` as the field of Look says. Marks what lies outside the
    viewer's districts, and what was asked at night by the catalogue of the day.
    """
    return Look.objects.create(
        at=at,
        department=viewer.department,
        by=viewer.name,
        client=viewer.client,
        address=address or viewer.address,
        form=form,
        purpose=aim.purpose.key,
        purpose_title=aim.purpose.title,
        case_no=aim.case_no,
        uscc=uscc[:18],
        name=name[:200],
        found=found,
        outside=_is_outside(viewer, district, districts),
        at_night=_at_night(at),
        shown=dict(shown),
    )


@transaction.atomic
def record_check(viewer: Viewer, aim: Aim, check: BatchCheck, at: datetime) -> int:
    """A look of form CHECK for each line of a batch check, in one statement; how many there are.

    What lies outside is marked as by :func:`record_look`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_CHECK,
            {
                "at": at,
                "department": viewer.department.pk,
                "by": viewer.name,
                "client": viewer.client and viewer.client.pk,
                "address": viewer.address,
                "form": Look.Form.CHECK.value,
                "purpose": aim.purpose.key,
                "title": aim.purpose.title,
                "case_no": aim.case_no,
                "night": _at_night(at),
                "outside": _outside(viewer, check),
                "check": check.pk,
            },
        )
        return int(cursor.rowcount)


def _outside(viewer: Viewer, check: BatchCheck) -> list[str]:
    """The enterprises of a check that lie outside the viewer's districts. Two queries, none for the whole city."""
    if not viewer.districts:
        return []
    lines = CheckLine.objects.filter(batch_check=check).values("uscc")
    known = dict(CreditSubject.objects.filter(uscc__in=lines).values_list("uscc", "district"))
    of_stores = enterprise_districts(known)
    return [
        uscc for uscc, district in known.items() if _is_outside(viewer, district, of_stores.get(uscc, ()))
    ]


def _is_outside(viewer: Viewer, district: int | None, districts: Collection[int]) -> bool:
    """Whether an enterprise is nowhere in the viewer's districts; not where either are not known."""
    places = {*districts, *([] if district is None else [district])}
    return bool(viewer.districts and places) and not viewer.districts & places


def recent_look(viewer: Viewer, uscc: str, at: datetime) -> Look | None:
    """This person's newest look at an enterprise's page within :data:`READ_ON` before ``at``, else None."""
    rows = Look.objects.filter(uscc=uscc, form=Look.Form.PAGE, by=viewer.name, department=viewer.department)
    return rows.filter(found=True, at__gt=at - READ_ON, at__lte=at).order_by("-id").first()


def is_night(watch: Watch, hour: int) -> bool:
    """Whether an hour (0 to 23, Asia/Shanghai) is night by a catalogue."""
    if watch.night_from <= watch.night_until:
        return watch.night_from <= hour < watch.night_until
    return hour >= watch.night_from or hour < watch.night_until


def _at_night(at: datetime) -> bool:
    local = timezone.localtime(at)
    return is_night(catalogue_on(local.date()).watch, local.hour)


def _choices(catalogue: Catalogue) -> str:
    return "、".join(f"{one.title} {one.key}" for one in catalogue.purposes)


_RECORD_CHECK: Final = f"""
    INSERT INTO {Look._meta.db_table} (
        at, department_id, by, client_id, address, form, purpose, purpose_title, case_no, uscc, name, found,
        outside, at_night, shown, check_id
    )
    SELECT %(at)s, %(department)s, %(by)s, %(client)s, %(address)s, %(form)s, %(purpose)s, %(title)s, %(case_no)s,
           left(line.uscc, 18), coalesce(subject.name, nullif(line.name, ''), line.given_name), subject.uscc IS NOT NULL,
           line.uscc = ANY(%(outside)s::text[]),
           %(night)s,
           jsonb_build_object(
               'verdict', line.verdict, 'grade', line.grade, 'score', line.score,
               'reasons', jsonb_path_query_array(line.reasons, '$[*].id')
           ),
           line.batch_check_id
    FROM {CheckLine._meta.db_table} line LEFT JOIN {CreditSubject._meta.db_table} subject ON subject.uscc = line.uscc
    WHERE line.batch_check_id = %(check)s
    ORDER BY line.row
"""
