"""The review work list and the page on which one result is looked at."""

import pytest

from ratings.models import Rating, RatingPeriod, ReviewItem

from .conftest import HERE, THERE, Desk, act, page_of, said, text_of, url

LIST = "/admin/ratings/reviewitem/"


def under_review(desk: Desk) -> RatingPeriod:
    """The period, with every rating on the work list."""
    period = desk.to("UNDER_REVIEW")
    for rating in Rating.objects.filter(run=desk.run, item=None):
        ReviewItem.objects.create(period=period, rating=rating, remarks=ReviewItem.Remark.FIRST)
    return period


def shown(desk: Desk, who: str = "reviewer", **query: str) -> list[int]:
    return [row.pk for row in desk[who].get(LIST, query).context["cl"].result_list]


def test_the_heaviest_open_item_comes_first(desk: Desk) -> None:
    period = under_review(desk)
    items = list(period.items.order_by("pk"))
    assert len(items) >= 3
    ReviewItem.objects.filter(pk=items[-1].pk).update(remarks=ReviewItem.Remark.CHANGED)
    ReviewItem.objects.filter(pk=items[0].pk).update(
        remarks=31, confirmed_by="x", confirmed_at=period.opened_at
    )
    order = shown(desk)
    assert order[0] == items[-1].pk
    assert order[-1] == items[0].pk


def test_filters(desk: Desk) -> None:
    period = under_review(desk)
    every = set(shown(desk))
    near = {row.pk for row in period.items.all() if row.remarks & ReviewItem.Remark.FIRST}
    assert set(shown(desk, remark="8")) == near
    assert set(shown(desk, remark="5")) == set()
    assert set(shown(desk, confirmed="1")) == set()
    assert set(shown(desk, confirmed="0")) == every
    here = set(shown(desk, district=str(HERE)))
    assert here | set(shown(desk, district=str(THERE))) == every
    assert here != every
    assert shown(desk, period="999999") == []
    assert shown(desk, period="abc") == []
    assert shown(desk, open="adjustment") == shown(desk, open="objection") == []
    assert shown(desk, q=desk.shops[0].code) == [period.items.get(rating__pharmacy=desk.shops[0]).pk]


def test_open_matters_are_found_and_marked(desk: Desk) -> None:
    under_review(desk)
    item = ReviewItem.objects.get(rating=desk.rating(2))
    said(
        desk["reviewer"],
        url("adjustment", "propose", item.rating_id),
        {"wanted": "not_rectified|1", "text": "拒不整改"},
    )
    assert shown(desk, open="adjustment") == [item.pk]
    assert "有待批调整" in text_of(desk["reviewer"], LIST)
    assert ReviewItem.objects.get(pk=item.pk).confirmed_by == "reviewer"


@pytest.mark.parametrize("who", ["clerk", "approver", "inspector"])
def test_only_reviewers_confirm(desk: Desk, who: str) -> None:
    period = under_review(desk)
    item = period.items.first()
    assert item is not None
    assert desk[who].post(act(item, "confirm"), {"text": "x"}).status_code == 403
    desk[who].post(LIST, {"action": "confirm_chosen", "_selected_action": [item.pk]})
    assert not ReviewItem.objects.filter(confirmed_at__isnull=False).exists()
    assert "由审核员办理" in text_of(desk[who], page_of(item))


def test_nobody_confirms_pages_unseen(desk: Desk) -> None:
    period = under_review(desk)
    item = period.items.first()
    assert item is not None
    form = {"action": "confirm_chosen", "_selected_action": [item.pk], "select_across": "1"}
    answer = desk["reviewer"].post(LIST, form, follow=True)
    assert "不能一次确认所有页" in answer.content.decode()
    assert not ReviewItem.objects.filter(confirmed_at__isnull=False).exists()


def test_the_page_compares_and_confirms(desk: Desk) -> None:
    period = under_review(desk)
    item = period.items.get(rating=desk.rating())
    page = text_of(desk["reviewer"], page_of(item))
    for word in (
        "违法违规",
        "信用分",
        "此前没有发布过",
        desk.violation.document_no,
        "提出等级调整",
        "下一件未确认",
    ):
        assert word in page
    assert "已确认。" in said(desk["reviewer"], act(item, "confirm"), {"text": "处罚属实"})
    item.refresh_from_db()
    assert (item.confirmed_by, item.note) == ("reviewer", "处罚属实")
    assert "没有办理：状态已经改变" in said(desk["reviewer2"], act(item, "confirm"), {"text": "再来"})


def test_the_district_sees_its_own(desk: Desk) -> None:
    period = under_review(desk)
    local = desk.local(THERE)
    other = period.items.filter(rating__district=HERE).first()
    own = period.items.filter(rating__district=THERE).first()
    assert other is not None
    assert own is not None
    assert local.get(page_of(other)).status_code == 404
    assert local.post(act(other, "confirm")).status_code == 404
    local.post(LIST, {"action": "confirm_chosen", "_selected_action": [other.pk, own.pk]})
    assert list(ReviewItem.objects.filter(confirmed_at__isnull=False)) == [own]
    rows = local.get(LIST).context["cl"].result_list
    assert {row.rating.district_id for row in rows} == {THERE}
