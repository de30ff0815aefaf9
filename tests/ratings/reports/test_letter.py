"""The letter: everything that a pharmacy must be told, and nothing that it must not know."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from ratings.models import (
    AuditEvent,
    IssuedDocument,
    NoticeLink,
    Pharmacy,
    PublishedGrade,
    Rating,
    RatingPeriod,
)
from ratings.reports.letter import WITH_LINK, issue_letter
from ratings.services.adjustments import decide_adjustment, propose_adjustment, propose_rerated
from ratings.services.errors import Refused
from ratings.services.explanations import explain_rating
from ratings.services.facts import void_fact
from ratings.services.links import find_link, issue_link
from ratings.services.reratings import rerate
from tests import desk, factories
from tests.ratings.services.regrading import (
    APPROVER,
    AT,
    CLERK,
    GOOD,
    OTHER,
    PENALISED,
    REVIEWER,
    city_in,
    convict,
    rating_of,
    shanghai,
)

from .lettering import SITE, noticed, plain, text_of

pytestmark = pytest.mark.django_db
PEOPLE = (CLERK, REVIEWER, APPROVER, OTHER)


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.OBJECTION_CONTACT = "某市医保中心一楼三号窗口"


def letter(shop: Pharmacy, period: RatingPeriod, **options: Any) -> IssuedDocument:
    return issue_letter(rating_of(shop, period), **{"by": CLERK, "site": SITE, "at": AT, **options})


def explained(rating: Rating) -> list[str]:
    """Every line of the explanation that must stand in a letter."""
    told = explain_rating(rating, over_time=True)
    lines = [fact.text for part in told.indicators for fact in part.facts if fact.points]
    lines += [part.text for part in told.indicators] + [part.clause for part in told.indicators]
    lines += [told.score_text, told.band_text, *told.outlook]
    lines += [cap.text for cap in told.caps if cap.strikes]
    return [plain(line) for line in lines]


def rerated(rating: Rating, cause: str, text: str) -> None:
    """Reckon a rating again and let the change take effect."""
    proposal = propose_rerated(
        rating,
        rerate(rating, by=REVIEWER, at=AT),
        cause=cause,
        text=text,
        clause="第十条第一项",
        by=REVIEWER,
        at=AT,
    )
    assert proposal is not None
    decide_adjustment(proposal, approve=True, text="同意", by=APPROVER, at=AT)


class TestPreliminary:
    def test_tells_the_grade_and_every_lost_point_with_its_clause(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        factories.complaint(shops[GOOD], recorded_at=AT)  # after the cutoff: no part of it
        row = letter(shops[PENALISED], period)
        text, rating = text_of(row), rating_of(shops[PENALISED], period)
        for said in (
            "定点零售药店信用评价预评结果告知书",
            shops[PENALISED].name,
            shops[PENALISED].code,
            "越城区",
        ):
            assert said in text
        assert "2025年下半年" in text
        assert "等级：C（较差）" in text
        assert "尚未正式发布" in text
        assert "国务院令第735号" in text
        assert "某市医保中心一楼三号窗口" in text
        assert [line for line in explained(rating) if line not in text] == []
        assert row.shown_number in text
        assert f"{SITE}/d/{row.code}/" in text
        assert (row.kind, row.pharmacy, row.period, row.seq) == ("LETTER", shops[PENALISED], "2025H2", None)

    def test_says_until_when_each_lost_point_counts(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        told = explain_rating(rating_of(shops[PENALISED], period), over_time=True)
        (fact,) = told.indicators[0].facts
        assert fact.gone_on is not None
        text = text_of(letter(shops[PENALISED], period))
        assert f"{fact.gone_on.year}年{fact.gone_on.month}月底" in text
        stage = next(stage for stage in told.timeline if stage.better)
        assert f"{stage.day.year}年{stage.day.month}月底起" in text

    def test_why_there_is_no_grade(self) -> None:
        _shops, period = city_in("PUBLIC_NOTICE")
        new = Pharmacy.objects.get(designated_on=date(2025, 12, 1))
        text = text_of(letter(new, period))
        assert "本期无等级" in text
        assert "不予评级：定点未满六个月（第三条第二项）" in text

    def test_the_days_of_rights_are_working_days(self) -> None:
        """From 11 February 2026 five working days reach past the Spring Festival."""
        shops, period = city_in("PUBLIC_NOTICE")
        text = text_of(letter(shops[GOOD], period))
        assert "可在2026年2月11日（含当日）前到医保经办窗口提出" in text
        assert "2026年2月5日提出的，至2026年2月12日" in text
        later = text_of(letter(shops[GOOD], period, at=shanghai(date(2026, 2, 11))))
        assert "2026年2月11日提出的，至2026年2月25日" in later
        for basis in ("《浙江省公共信用信息管理条例》第三十一条第一款", "《中华人民共和国行政复议法》"):
            assert basis in text

    def test_a_change_with_its_reason_and_who_made_it_not(self) -> None:
        shops, period = city_in("UNDER_REVIEW")
        rating = rating_of(shops[GOOD], period)
        proposal = propose_adjustment(
            rating, to_grade=1, reason_code="not_rectified", text="逾期不整改", by=REVIEWER, at=AT
        )
        decide_adjustment(proposal, approve=True, text="内部意见", by=APPROVER, at=AT)
        desk.walk(period, "PUBLIC_NOTICE")
        text = text_of(letter(shops[GOOD], period))
        assert "等级：B（良好）" in text
        assert "依规调整：A（优秀）变更为B（良好）" in text
        assert f"理由：逾期不整改。依据：{plain(proposal.clause)}" in text
        assert "按以上事实计算的等级为A（优秀）；因下述变更，为B（良好）" in text
        assert "已是最高等级" not in text
        assert "内部意见" not in text
        assert [name for name in PEOPLE if name.name in text] == []

    def test_no_reporter_and_no_proposal(self) -> None:
        shops, period = city_in("UNDER_REVIEW")
        propose_adjustment(
            rating_of(shops[GOOD], period),
            to_grade=1,
            reason_code="not_rectified",
            text="尚未决定的提议",
            by=REVIEWER,
            at=AT,
        )
        desk.walk(period, "PUBLIC_NOTICE")
        text = text_of(letter(shops[GOOD], period))
        assert "尚未决定的提议" not in text
        assert "等级：A（优秀）" in text

    def test_a_rerated_one_is_explained_anew(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        rating = rating_of(shops[PENALISED], period)
        fact = shops[PENALISED].violation_set.get()
        void_fact(fact, reason="处罚已撤销", by=CLERK)
        rerated(rating, "CORRECTION", "处罚已撤销")
        text = text_of(letter(shops[PENALISED], period))
        assert "等级：A（优秀）" in text
        assert fact.document_no not in text
        assert "没有记录，不扣分" in text
        assert "C（较差）变更为A（优秀）" in text

    def test_a_long_name_is_told_whole(self) -> None:
        shops, period = city_in("PUBLIC_NOTICE")
        name = "越城区某某街道健康大药房有限责任公司" * 6 + "连锁第一分店"
        Pharmacy.objects.filter(pk=shops[GOOD].pk).update(name=name)
        assert name in text_of(letter(shops[GOOD], period))


class TestPublished:
    def test_states_the_row_of_the_ledger(self) -> None:
        shops, period = city_in("PUBLISHED")
        row, grade = letter(shops[PENALISED], period), PublishedGrade.objects.get(pharmacy=shops[PENALISED])
        text = text_of(row)
        assert row.seq == grade.seq
        assert "定点零售药店信用评价结果告知书" in text
        assert f"公布序号{grade.seq}（定期评价）" in text
        assert "尚未正式发布" not in text
        assert "公示" not in text
        assert [line for line in explained(rating_of(shops[PENALISED], period)) if line not in text] == []

    def test_later_changes_are_told_and_the_newest_row_holds(self) -> None:
        shops, period = city_in("PUBLISHED")
        convict(shops[GOOD])
        rating = rating_of(shops[GOOD], period)
        rerated(rating, "INTERIM", "骗保查实")
        first, last = PublishedGrade.objects.filter(pharmacy=shops[GOOD]).order_by("seq")
        row = letter(shops[GOOD], period)
        text = text_of(row)
        assert (row.seq, first.grade, last.grade) == (last.seq, "A", "D")
        assert "等级：D（差）" in text
        assert f"公布序号{last.seq}（期间变动）" in text
        assert "期间变动：A（优秀）变更为D（差）" in text

    def test_a_closed_period_tells_of_no_objection(self) -> None:
        shops, period = city_in("CLOSED")
        text = text_of(letter(shops[GOOD], period))
        assert "陈述、申辩和异议" not in text
        assert "行政复议" in text

    def test_not_for_a_pharmacy_whose_grade_another_run_published(self) -> None:
        shops, period = city_in("FINAL")
        RatingPeriod.objects.filter(pk=period.pk).update(
            state="PUBLISHED", published_by="某", published_at=timezone.now()
        )
        with pytest.raises(Refused, match="由另一评价批次发布"):
            letter(shops[GOOD], period)


class TestLink:
    def test_is_in_the_letter_alone_and_opens(self) -> None:
        shops, period = noticed()
        old = issue_link(rating_of(shops[GOOD], period), by=CLERK)
        row = letter(shops[GOOD], period, with_link=True, at=None)
        text = text_of(row)
        found = re.search(r"http://testserver/n/([\w-]{43})/", text)
        assert found is not None
        assert find_link(found[1]).rating == rating_of(shops[GOOD], period)
        until = period.notice_until
        assert until is not None
        assert "只能打开一次" in text
        assert f"有效至{until.year}年{until.month}月{until.day}日（含当日）" in text
        assert NoticeLink.objects.filter(revoked_at=None).count() == 1
        with pytest.raises(Refused, match="取代"):
            find_link(old)
        told = str(
            list(AuditEvent.objects.values_list("detail", flat=True)) + list(IssuedDocument.objects.values())
        )
        assert found[1] not in told
        assert row.purpose == WITH_LINK
        assert found[1].encode() not in Path(row.file.path).read_bytes()

    def test_a_letter_that_is_refused_leaves_no_link(self) -> None:
        shops, period = noticed()
        Pharmacy.objects.filter(pk=shops[GOOD].pk).update(name="𠮷药房")
        with pytest.raises(Refused, match="U\\+20BB7"):
            letter(shops[GOOD], period, with_link=True, at=None)
        assert (NoticeLink.objects.count(), IssuedDocument.objects.count()) == (0, 0)

    def test_not_after_the_notice(self) -> None:
        shops, period = city_in("PUBLISHED")
        with pytest.raises(Refused, match="只有公示中的评价结果才签发告知链接"):
            letter(shops[GOOD], period, with_link=True)


@pytest.mark.parametrize("state", ["COMPUTED", "UNDER_REVIEW", "FINAL", "ABANDONED"])
def test_other_states_are_refused_with_the_reason(state: str) -> None:
    shops, period = city_in(state)
    with pytest.raises(Refused, match=f"现为“{period.get_state_display()}”"):
        letter(shops[GOOD], period)


def test_not_between_notice_and_settling() -> None:
    shops, period = city_in("PUBLIC_NOTICE")
    assert letter(shops[GOOD], period, at=shanghai(date(2026, 2, 11)))
    with pytest.raises(Refused, match="公示已于 2026年2月11日结束"):
        letter(shops[GOOD], period, at=shanghai(date(2026, 2, 12)))


def test_what_was_tampered_with_is_not_explained_away() -> None:
    shops, period = city_in("PUBLIC_NOTICE")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE ratings_rating SET score = score + 1 WHERE run_id = %s AND pharmacy_id = %s",
            [period.run_id, shops[GOOD].pk],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    with pytest.raises(Refused, match="与事实不符"):
        letter(shops[GOOD], period)
