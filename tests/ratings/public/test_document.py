"""The verification page of a document: what it says to whom, what it keeps to itself, and which file is the document."""

import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from ratings.models import IssuedDocument, Pharmacy, PublishedGrade, Rating
from ratings.public.document import MAX_MB
from ratings.published import read_code
from ratings.services.documents import content, grouped
from tests import desk, factories, signing_keys
from tests.issued import KIND, issued
from tests.pharmacy_lookup.open_data_city import change, out, shop
from tests.ratings.services.lives import Result
from tests.ratings.services.test_runs import scheme_in_force

#: Published here; in force on this day in Shanghai.
AT = datetime(2026, 2, 10, 4, tzinfo=UTC)
DAY = date(2026, 2, 10)
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    found = Clock()
    monkeypatch.setattr(timezone, "now", lambda: found.now)
    return found


class Clock:
    """What time it is."""

    now = AT + timedelta(hours=1)


def address(document: IssuedDocument) -> str:
    return f"/d/{document.code}/"


def seen(client: Client, document: IssuedDocument) -> str:
    answer = client.get(address(document))
    assert answer.status_code == 200
    return words(answer)


def words(answer: Any) -> str:
    """What is read on a page: no tags, no blanks."""
    found = re.sub(r"<[^>]+>", "", answer.content.decode())
    return re.sub(r"\s+", "", found)


def certified(this: Pharmacy, seq: int = 1) -> IssuedDocument:
    return issued(KIND.CERTIFICATE, pharmacy=this, seq=seq, title="信用等级证书", at=AT)


class TestCode:
    @given(st.text(LETTERS, min_size=16, max_size=16), st.randoms())
    def test_however_it_is_typed(self, code: str, random: Any) -> None:
        mistaken = {"0": "0Oo０", "1": "1IiLl１"}
        typed = "".join(
            random.choice(mistaken.get(one, one + one.lower()))
            + random.choice(["", "", " ", "-", "－", "\t"])
            for one in code
        )
        assert read_code(typed) == code

    @pytest.mark.parametrize(
        "typed",
        ["", "A" * 15, "A" * 17, "A" * 15 + "U", "A" * 15 + "药", "\0" * 16, "A" * 10_000, "P33060200001"],
    )
    def test_what_is_none(self, typed: str) -> None:
        assert read_code(typed) == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "since", "said"),
    [
        ("SUSPENDED", DAY, "自2026年2月10日起中止协议"),
        ("SUSPENDED", DAY + timedelta(days=1), ""),
        ("IN_SERVICE", DAY, ""),
        ("ended", DAY, "自2026年2月10日起不再是定点药店"),
    ],
)
def test_a_pharmacy_that_serves_no_more_is_said_to(
    client: Client, status: str, since: date, said: str
) -> None:
    """Its grade holds until it is withdrawn; whoever reads the certificate on its wall must know."""
    scheme_in_force()
    this = shop()
    out(Result(this, 0), Result(shop()), at=AT)
    document = certified(this)
    if status == "ended":
        Pharmacy.objects.filter(pk=this.pk).update(designated_until=since)
    else:
        factories.service_status(this, status=status, occurred_on=since, recorded_at=AT)
    found = seen(client, document)
    assert "写明的等级今天有效" in found
    assert said in found
    assert ("这家药店自" in found) == bool(said)


@pytest.mark.django_db
class TestFinding:
    def test_by_every_way_to_write_the_code(self, client: Client) -> None:
        document = issued(KIND.QUARTERLY, title="季度统计表")
        for typed in (document.code, document.code.lower(), grouped(document.code), f" {document.code} "):
            assert "真实：是我们签发的" in words(client.get(f"/d/{typed}/"))
            answer = client.get("/d/", {"code": typed})
            assert (answer.status_code, answer["Location"]) == (302, address(document))

    def test_of_a_code_that_nothing_bears(self, client: Client) -> None:
        issued(KIND.QUARTERLY)
        answer = client.get("/d/" + "7" * 16 + "/")
        assert answer.status_code == 404
        assert "没有验证码为7777-7777-7777-7777的文书" in words(answer)
        assert 'value="7777-7777-7777-7777"' in answer.content.decode()

    @pytest.mark.parametrize("typed", ["7777", "<script>alert(1)</script>", "验" * 300])
    def test_of_what_is_no_code(self, client: Client, typed: str) -> None:
        answer = client.get("/d/", {"code": typed})
        assert answer.status_code == 404
        assert "不是验证码" in words(answer)
        assert "<script" not in answer.content.decode()

    @pytest.mark.parametrize("code", ["", "  "])
    def test_the_form(self, client: Client, code: str) -> None:
        answer = client.get("/d/", {"code": code})
        assert answer.status_code == 200
        assert "文书上的验证码" in words(answer)

    def test_nothing_of_it_is_kept_or_found(self, client: Client) -> None:
        document = issued(KIND.QUARTERLY)
        for path in ("/d/", "/d/x/", address(document), f"/d/?code={document.code}"):
            answer = client.get(path)
            assert answer["Cache-Control"] == "no-store"
            assert "noindex" in answer["X-Robots-Tag"]
            assert "default-src 'none'" in answer["Content-Security-Policy"]
            assert answer["Referrer-Policy"] == "no-referrer"
            assert not answer.cookies

    def test_methods(self, client: Client) -> None:
        document = issued(KIND.QUARTERLY)
        assert client.head(address(document)).status_code == 200
        assert client.put(address(document)).status_code == 405
        assert client.post("/d/").status_code == 405


@pytest.mark.django_db
class TestWhatItSays:
    def test_of_any_document(self, client: Client) -> None:
        district = factories.district()
        document = issued(
            KIND.NOTICE_LIST,
            title="公示名单",
            district=district,
            period="2025H2",
            at=AT + timedelta(hours=13),
        )
        text = seen(client, document)
        for told in (
            "公示名单", district.name, "2025年下半年", "绍兴市医疗保障经办机构", document.shown_number,
            # after midnight in Shanghai
            "2026年2月11日", grouped(document.code), "没有，以本页核验为准",
            grouped(document.sha256[:12]), document.sha256[12:],
        ):  # fmt: skip
            assert told in text, told
        assert desk.CLERK not in text

    def test_of_one_that_is_signed(self, client: Client, settings: Settings, tmp_path: Any) -> None:
        signing_keys.use(
            settings,
            signing_keys.key_file(
                tmp_path / "key", begins=AT - timedelta(days=9), ends=AT + timedelta(days=9)
            ),
        )
        assert "用PDF阅读器打开收到的文件可以查看" in seen(client, issued(KIND.QUARTERLY, at=AT))

    def test_a_preliminary_grade_is_not_told(self, client: Client) -> None:
        one = shop(name="某某药房")
        out(Result(one, 1), at=AT)  # whatever is published of it meanwhile
        text = seen(client, issued(KIND.LETTER, pharmacy=one, period="2025H2", at=AT))
        assert "公示阶段的预评结果" in text
        assert "某某药房" in text
        assert one.code in text
        assert not [word for word in ("优秀", "良好", "一般", "较差") if word in text]

    def test_a_report_on_a_pharmacy_without_a_grade(self, client: Client) -> None:
        text = seen(client, issued(KIND.REPORT, pharmacy=shop(), title="信用报告"))
        assert "没有写明已公布的等级" in text


@pytest.mark.django_db
class TestGrade:
    def test_that_holds(self, client: Client) -> None:
        one = shop()
        out(Result(one, 1), at=AT)
        text = seen(client, certified(one))
        assert "真实，写明的等级今天有效" in text
        assert "良好2025年下半年，定期评价；2026年2月10日至2027年2月9日有效" in text
        assert "今天公布的等级" not in text

    def test_the_days_at_which_it_ends(self, client: Client, clock: Clock) -> None:
        one = shop()
        out(Result(one, 1), at=AT)
        document = certified(one)
        # midnight in Shanghai
        end = datetime(2027, 2, 9, 16, tzinfo=UTC)
        clock.now = end - timedelta(seconds=1)
        assert "写明的等级今天有效" in seen(client, document)
        clock.now = end
        text = seen(client, document)
        assert "真实，但写明的等级已经失效" in text
        assert "有效期至2027年2月9日" in text

    def test_that_was_replaced(self, client: Client) -> None:
        one = shop()
        life = out(Result(one, 0), at=AT - timedelta(days=3))
        change(life, one, 3, at=AT)
        text = seen(client, certified(one, 1))
        assert "真实，但写明的等级已被取代" in text
        stated, _, now = text.rpartition("今天公布的等级")
        assert "优秀" in stated
        assert re.match(r"DD差更正：.*2025年下半年，更正；2026年2月10日至2027年2月9日有效", now)
        assert "写明的等级今天有效" in seen(client, certified(one, 2))

    def test_that_was_taken_away(self, client: Client) -> None:
        one = shop()
        change(out(Result(one, 0), at=AT - timedelta(days=3)), one, -1, "WITHDRAWAL", at=AT)
        text = seen(client, certified(one, 1))
        assert "已被取代" in text
        assert "今天公布的等级没有等级" in text
        # A document that says so is right.
        assert "药店今天仍然没有等级" in seen(client, certified(one, 2))

    def test_that_a_later_period_gave_again(self, client: Client) -> None:
        one = shop()
        out(Result(one, 1), at=AT - timedelta(days=3), period="2025H1")
        out(Result(one, 1), at=AT, period="2025H2")
        text = seen(client, certified(one, 1))
        assert "等级已重新公布，没有变化" in text
        assert "今天公布的等级" in text

    def test_a_late_correction_of_an_earlier_period(self, client: Client) -> None:
        one = shop()
        before = out(Result(one, 1), at=AT - timedelta(days=3), period="2025H1")
        out(Result(one, 0), at=AT - timedelta(days=2), period="2025H2")
        change(before, one, 3, at=AT - timedelta(days=1))
        assert "已被取代" in seen(client, certified(one, 3))
        assert "今天有效" in seen(client, certified(one, 2))

    def test_that_has_not_begun(self, client: Client, clock: Clock) -> None:
        one = shop()
        out(Result(one, 1), at=AT)
        begins = PublishedGrade.objects.get().valid_from
        document = certified(one)
        clock.now = datetime(begins.year, begins.month, begins.day, tzinfo=UTC) - timedelta(
            hours=8, seconds=1
        )
        text = seen(client, document)
        assert "写明的等级尚未生效" in text
        assert "今天公布的等级没有" in text

    def test_an_objection_is_told(self, client: Client) -> None:
        one = shop()
        life = out(Result(one, 1), at=AT)
        document = certified(one)
        assert "异议正在办理" not in seen(client, document)
        desk.objection(life, Rating.objects.get(run=life.run))
        assert "异议正在办理" in seen(client, document)

    def test_a_pharmacy_that_has_another_name_now(self, client: Client) -> None:
        one = shop(name="旧名药房")
        out(Result(one, 1), at=AT)
        document = certified(one)
        Pharmacy.objects.filter(pk=one.pk).update(name="新名药房")
        assert "新名药房定点编码" in (text := seen(client, document))
        assert "公布所载等级时名称为“旧名药房”" in text

    def test_the_same_queries_whatever_there_is(self, client: Client) -> None:
        scheme_in_force()
        one = shop()
        life = out(Result(one, 0), *(Result(shop()) for _ in range(3)), at=AT - timedelta(days=3))
        counts = []
        document = certified(one)
        for day in (2, 1):
            seen(client, document)
            with CaptureQueriesContext(connection) as queries:
                seen(client, document)
            counts.append(len(queries))
            change(life, one, 3 - day, at=AT - timedelta(days=day))
        # two of them are the savepoint around the entry
        assert counts[0] == counts[1] <= 5


def sent(client: Client, document: IssuedDocument, file: bytes | None, status: int = 200) -> str:
    data = {} if file is None else {"file": io.BytesIO(file)}
    answer = client.post(address(document), data)
    assert answer.status_code == status, answer
    return words(answer)


@pytest.mark.django_db
class TestFile:
    @pytest.fixture
    def document(self) -> IssuedDocument:
        return issued(KIND.QUARTERLY)

    def test_the_document_itself(self, document: IssuedDocument) -> None:
        client = Client(enforce_csrf_checks=True)  # the form works without cookies
        assert "一字不差您上传的就是" in sent(client, document, content(document))

    def test_every_byte_counts(self, client: Client, document: IssuedDocument) -> None:
        original = content(document)
        for place in (9, len(original) // 2, len(original) - 1):
            altered = bytearray(original)
            altered[place] ^= 1
            text = sent(client, document, bytes(altered))
            assert "与签发的文件不同" in text
            assert "不能断定是伪造的" in text
            assert "一字不差" not in text
        assert "与签发的文件不同" in sent(client, document, original[:-1])

    def test_with_something_behind_it(self, client: Client, document: IssuedDocument) -> None:
        text = sent(client, document, content(document) + b"\n")
        assert "是这份文件，但后面另加了内容" in text
        assert "没有任何改动" not in text

    def test_another_document_of_ours(self, client: Client, document: IssuedDocument) -> None:
        other = issued(KIND.QUARTERLY)
        answer = client.post(address(document), {"file": io.BytesIO(content(other))})
        assert "不是这份文书" in words(answer)
        assert f'href="/d/{other.code}/"' in answer.content.decode()

    def test_what_is_no_pdf(self, client: Client, document: IssuedDocument) -> None:
        assert "这不是PDF文件" in sent(client, document, b"\xff\xd8\xff" + bytes(2000))

    def test_nothing(self, client: Client, document: IssuedDocument) -> None:
        assert "请先选择文件" in sent(client, document, None, 422)
        assert "请先选择文件" in sent(client, document, b"", 422)

    def test_too_large_by_what_the_request_says_of_itself(
        self, client: Client, document: IssuedDocument
    ) -> None:
        most = MAX_MB * 1024 * 1024
        for size, status in ((most, 422), (most + 1, 413)):
            answer = client.generic(
                "POST", address(document), b"", "multipart/form-data; boundary=x", CONTENT_LENGTH=str(size)
            )
            assert answer.status_code == status
            assert (f"文件超过{MAX_MB}MB，没有接收" in words(answer)) == (status == 413)

    def test_nothing_of_it_stays(
        self, client: Client, document: IssuedDocument, settings: Any, tmp_path: Any
    ) -> None:
        settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "uploads"
        settings.FILE_UPLOAD_TEMP_DIR.mkdir()
        kept = sorted(tmp_path.rglob("*"))
        assert "与签发的文件不同" in sent(client, document, b"%PDF-" + bytes(4 * 1024 * 1024))
        assert sorted(tmp_path.rglob("*")) == kept

    def test_of_a_code_that_nothing_bears(self, client: Client) -> None:
        assert client.post("/d/" + "7" * 16 + "/", {"file": io.BytesIO(b"x")}).status_code == 404
