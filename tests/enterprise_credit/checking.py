"""Viewers, lists and checks for tests."""

from datetime import UTC, date, datetime
from typing import Any

from applications.enterprise_credit.batch_checks import check_list
from applications.enterprise_credit.check_lists import Entry, Listed, read_text
from applications.enterprise_credit.models import Assessment, BatchCheck, CreditSubject, Standing
from applications.enterprise_credit.viewing import Viewer
from tests.enterprise_credit import building

#: 09:00 in Shaoxing on 2 March 2026
AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def viewer(key: str = "ybj", **values: Any) -> Viewer:
    return Viewer(building.department(key), **{"name": "查询员甲", **values})


def standing(of: CreditSubject, grade: str = "B", score: int | None = 85_000, **figures: Any) -> Standing:
    """The enterprise with a grade, "" = not rated."""
    given = {"stores": 1, "rated": 1, "grades": {"B": 1}, "under_objection": 0, **figures}
    values: dict[str, Any] = (
        {"score": score, "grade": grade, "position": "ABCD".index(grade)}
        if grade
        else {"score": None, "grade": "", "position": -1}
    )
    assessment = Assessment.objects.create(
        subject=of,
        on=TODAY,
        rule="r@1",
        ledger_seq=0,
        figures=given,
        reason="" if grade else "没有",
        **values,
    )
    return Standing.objects.update_or_create(
        subject=of, defaults={"assessment": assessment, "stores": 1, **values}
    )[0]


def listed(*lines: str | CreditSubject) -> Listed:
    return read_text("\n".join(one if isinstance(one, str) else one.uscc for one in lines))


def check(*lines: str | CreditSubject, department: str = "ybj", **values: Any) -> BatchCheck:
    given: dict[str, Any] = {"purpose": "award", "case_no": "", "title": "评优名单", "at": AT, **values}
    return check_list(viewer(department), listed(*lines), **given)


def entries(given: Listed) -> list[tuple[str, str]]:
    return [(one.uscc, one.name) for one in given.entries]


__all__ = ["AT", "TODAY", "Entry", "check", "entries", "listed", "standing", "viewer"]
