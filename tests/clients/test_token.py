"""Signing in: the token endpoint, and giving tokens back."""

import base64
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from oauth2_provider.models import AccessToken

from applications.clients import services
from applications.clients.endpoints import ATTEMPTS_A_MINUTE
from applications.clients.models import Call, Client, ClientSecret, TokenBinding
from applications.clients.services import LIFE
from ratings.services.audit import SYSTEM
from tests.clients import building
from tests.clients.building import FORM, REVOKE, TOKEN, ask_token, basic, secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return building.client(["bank:read", "bank:check"])


def send(body: str | bytes, content_type: str = FORM, url: str = TOKEN, **extra: Any) -> Any:
    return Browser(enforce_csrf_checks=True).post(url, body, content_type=content_type, **extra)


def expire(of: Client) -> None:
    """Let all secrets of a client be of long ago."""
    at = timezone.now() - 2 * LIFE
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        ClientSecret.objects.filter(client=of).update(created_at=at, expires_at=timezone.now())
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


class TestGiven:
    def test_a_token_for_ten_minutes(self, client: Client) -> None:
        answer = ask_token(client, secret(client))
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
        assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
        told = answer.json()
        assert len(told.pop("access_token")) >= 30
        assert told == {"expires_in": 600, "token_type": "Bearer", "scope": "bank:read bank:check"}
        call = Call.objects.get()
        assert (call.client, call.operation, call.subject, call.status) == (
            client,
            "token",
            told["scope"],
            200,
        )

    def test_with_the_credentials_in_the_body(self, client: Client) -> None:
        form = f"grant_type=client_credentials&client_id={client.client_id}&client_secret={secret(client)}"
        assert send(form).status_code == 200

    def test_with_the_client_id_in_the_body_too(self, client: Client) -> None:
        assert ask_token(client, secret(client), {"client_id": client.client_id}).status_code == 200

    def test_for_less_than_all_scopes(self, client: Client) -> None:
        assert ask_token(client, secret(client), {"scope": "bank:check"}).json()["scope"] == "bank:check"

    def test_two_secrets_hold_side_by_side(self, client: Client) -> None:
        old, new = secret(client), secret(client)
        assert ask_token(client, old).status_code == ask_token(client, new).status_code == 200
        services.revoke_secret(client.secrets.get(hint=old[-4:]), by=SYSTEM)
        assert (ask_token(client, old).status_code, ask_token(client, new).status_code) == (401, 200)

    def test_in_few_queries(self, client: Client) -> None:
        secrets = [secret(client) for _ in range(3)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            ask_token(client, secrets[0])
        verbs = [one["sql"].split()[0] for one in queries if "SAVEPOINT" not in one["sql"]]
        assert verbs == ["SELECT", "SELECT", "INSERT", "INSERT"]


class TestRefused:
    """All that is wrong with who asks is told in the same words."""

    def check(self, answer: Any, why: str | None) -> None:
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
        assert answer.content == send("grant_type=client_credentials").content
        assert answer["WWW-Authenticate"] == 'Basic realm="creditsys"'
        assert answer["Cache-Control"] == "no-store"
        assert [call.subject for call in Call.objects.filter(status=401)] == ([why] if why else [])
        assert not AccessToken.objects.exists()

    def test_a_wrong_secret(self, client: Client) -> None:
        secret(client)
        self.check(ask_token(client, "x"), "密钥不对或已失效")

    def test_an_unknown_client(self, client: Client) -> None:
        client.client_id = "nobody"
        self.check(ask_token(client, "x"), None)

    def test_without_credentials(self) -> None:
        self.check(send("grant_type=client_credentials"), None)

    def test_another_clients_secret(self, client: Client) -> None:
        self.check(ask_token(client, secret(building.client())), "密钥不对或已失效")

    def test_a_revoked_secret(self, client: Client) -> None:
        plain = secret(client)
        services.revoke_secret(client.secrets.get(), by=SYSTEM)
        self.check(ask_token(client, plain), "密钥不对或已失效")

    def test_an_expired_secret(self, client: Client) -> None:
        plain = secret(client)
        expire(client)
        self.check(ask_token(client, plain), "密钥不对或已失效")

    def test_the_toolkits_own_secret(self, client: Client) -> None:
        """Its field is empty; the empty secret is none."""
        assert client.client_secret == ""
        self.check(ask_token(client, ""), None)

    def test_a_client_out_of_use(self, client: Client) -> None:
        plain = secret(client)
        Client.objects.update(is_active=False)
        self.check(ask_token(client, plain), "客户端已停用")

    @pytest.mark.parametrize("address", ["192.0.2.1", "2001:db9::1"])
    def test_from_elsewhere(self, address: str) -> None:
        client = building.client(networks=["203.0.113.0/24", "2001:db8::/32"])
        self.check(ask_token(client, secret(client), REMOTE_ADDR=address), "来源网络不符")

    def test_without_the_certificate(self) -> None:
        client = building.client(certificates=[building.thumbprint()])
        self.check(ask_token(client, secret(client)), "客户端证书不符")

    def test_who_names_two_clients(self, client: Client) -> None:
        self.check(ask_token(client, secret(client), {"client_id": building.client().client_id}), None)

    @pytest.mark.parametrize(
        "value",
        [
            "Basic",
            "Basic ",
            "Basic !!!",
            "Basic eA==",
            "Basic /w==",
            "Basic Og==",
            "Bearer x",
            "x",
            "Basic é",
        ],
    )
    def test_odd_headers(self, value: str) -> None:
        self.check(send("grant_type=client_credentials", headers={"authorization": value}), None)

    def test_nul_in_the_header(self) -> None:
        value = base64.b64encode(b"a\0b:c").decode()
        self.check(send("grant_type=client_credentials", headers={"authorization": f"Basic {value}"}), None)


class TestBadForms:
    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ("", "invalid_request"),
            ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
            ("grant_type=refresh_token&refresh_token=a", "unsupported_grant_type"),
            ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
            ("grant_type=client_credentials&scope=bank:feedback", "invalid_scope"),
            ("grant_type=client_credentials&scope=everything", "invalid_scope"),
            ("grant_type=client_credentials&scope=%00", "invalid_request"),
            ("grant_type=client_credentials&client_id=%00", "invalid_request"),
            ("grant_type=client_credentials&x=%E9%93%B6", "invalid_request"),
            ("grant_type=client_credentials&%ff=%zz", "invalid_request"),
            ("grant_type=client_credentials&resource=https://a.example.org", "invalid_target"),
            ("grant_type=client_credentials&x=" + "x" * 10_000, "invalid_request"),
            ("&".join(f"a{number}=1" for number in range(1_200)), "invalid_request"),
        ],
    )
    def test_a_form(self, client: Client, form: str, error: str) -> None:
        answer = send(form, headers=basic(client.client_id, secret(client)))
        assert (answer.status_code, answer.json()["error"]) == (400, error)
        assert answer["Cache-Control"] == "no-store"
        assert answer.content.isascii()

    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "",
            f"{FORM}; charset=gbk",
        ],
    )
    def test_no_form(self, content_type: str) -> None:
        answer = send(b"\0{", content_type)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("length", ["-1", "abc", "9" * 5_000])
    def test_an_odd_length(self, length: str) -> None:
        assert send("a=b", CONTENT_LENGTH=length).status_code == 400

    def test_parameters_in_the_address(self, client: Client) -> None:
        headers = basic(client.client_id, secret(client))
        for query in ("grant_type=client_credentials", "%zz", "\0"):
            answer = send("", url=f"{TOKEN}?{query}", headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("method", ["get", "put", "delete", "options", "head"])
    def test_other_methods(self, method: str) -> None:
        answer = getattr(Browser(), method)(TOKEN)
        assert (answer.status_code, answer["Allow"]) == (405, "POST")

    def test_an_error_of_a_known_client_is_on_record(self, client: Client) -> None:
        ask_token(client, secret(client), {"scope": "bank:feedback"})
        call = Call.objects.get()
        assert (call.status, call.subject) == (400, "invalid_scope")


@given(
    header=st.one_of(st.binary(), st.binary().map(lambda value: b"Basic " + base64.b64encode(value))),
    body=st.one_of(
        st.binary(), st.binary().map(lambda value: b"grant_type=client_credentials&client_id=" + value)
    ),
    kind=st.sampled_from([FORM, "application/json", "multipart/form-data; boundary=x"]),
)
def test_whatever_is_sent_is_refused(header: bytes, body: bytes, kind: str) -> None:
    cache.clear()
    answer = send(body, kind, HTTP_AUTHORIZATION=header.decode("latin-1"))
    assert answer.status_code in {400, 401} and set(answer.json()) == {"error", "error_description"}


class TestCertificates:
    @pytest.fixture(autouse=True)
    def proxy(self, settings: LazySettings) -> None:
        settings.TRUSTED_PROXIES = 1
        settings.CLIENT_CERTIFICATE_HEADER = "Client-Cert"

    def test_a_token_is_bound_to_the_certificate(self, client: Client) -> None:
        answer = ask_token(client, secret(client), headers={"client-cert": building.rfc9440()})
        assert answer.status_code == 200
        binding = TokenBinding.objects.get()
        assert binding.certificate == building.thumbprint()
        assert str(binding) == building.thumbprint()[:12]

    def test_without_one_it_is_not(self, client: Client) -> None:
        assert ask_token(client, secret(client)).status_code == 200
        assert not TokenBinding.objects.exists()

    def test_of_two_that_are_registered_either_will_do(self) -> None:
        client = building.client(certificates=[building.thumbprint("a"), building.pem("b")])
        plain = secret(client)
        for name, status in (("a", 200), ("b", 200), ("c", 401)):
            answer = ask_token(client, plain, headers={"client-cert": building.nginx(name)})
            assert answer.status_code == status, name


class TestNetworks:
    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("203.0.113.0", 200),
            ("203.0.113.255", 200),
            ("203.0.114.0", 401),
            ("::ffff:203.0.113.9", 200),
            ("2001:db8::1", 200),
            ("2001:db9::1", 401),
            ("", 401),
        ],
    )
    def test_where_it_comes_from(self, address: str, status: int) -> None:
        client = building.client(networks=["203.0.113.0/24", "2001:db8::/32"])
        assert ask_token(client, secret(client), REMOTE_ADDR=address).status_code == status

    def test_behind_a_proxy(self, settings: LazySettings) -> None:
        client = building.client(networks=["203.0.113.7"])
        plain = secret(client)
        forwarded = {"headers": {"x-forwarded-for": "203.0.113.7"}, "REMOTE_ADDR": "10.0.0.1"}
        assert ask_token(client, plain, **forwarded).status_code == 401
        settings.TRUSTED_PROXIES = 1
        assert ask_token(client, plain, **forwarded).status_code == 200
        forwarded["headers"] = {"x-forwarded-for": "203.0.113.7, 192.0.2.1"}
        assert ask_token(client, plain, **forwarded).status_code == 401
        assert [call.address for call in Call.objects.order_by("id")] == [
            "10.0.0.1",
            "203.0.113.7",
            "192.0.2.1",
        ]


@pytest.mark.usefixtures("in_one_minute")
class TestLimit:
    def test_attempts_of_an_address(self, client: Client) -> None:
        plain = secret(client)
        for _ in range(ATTEMPTS_A_MINUTE):
            answer = ask_token(client, "guess")
        assert (answer.status_code, answer["RateLimit"].split(";")[1]) == (401, "r=0")
        answer = ask_token(client, plain)
        assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert ask_token(client, plain, REMOTE_ADDR="192.0.2.9").status_code == 200
        assert Call.objects.filter(status=401).count() == ATTEMPTS_A_MINUTE


class TestRevocation:
    def test_a_token_is_taken_back(self, client: Client) -> None:
        plain = secret(client)
        token = ask_token(client, plain).json()["access_token"]
        kept = building.bearer(client, plain)
        answer = send(f"token={token}", url=REVOKE, headers=basic(client.client_id, plain))
        assert (answer.status_code, answer.json()) == (200, {})
        assert AccessToken.objects.count() == 1 and kept
        assert Call.objects.filter(operation="revoke", status=200).count() == 1

    def test_of_another_client_nothing_happens_and_nothing_is_told(self, client: Client) -> None:
        token = ask_token(client, secret(client)).json()["access_token"]
        other = building.client()
        for text in (token, "none", "x" * 500):
            answer = send(f"token={text}", url=REVOKE, headers=basic(other.client_id, secret(other)))
            assert (answer.status_code, answer.json()) == (200, {})
        assert AccessToken.objects.count() == 1

    def test_not_without_a_secret(self, client: Client) -> None:
        token = ask_token(client, secret(client)).json()["access_token"]
        answer = send(f"token={token}&client_id={client.client_id}", url=REVOKE)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert AccessToken.objects.count() == 1

    def test_what_is_wrong_is_told(self, client: Client) -> None:
        headers = basic(client.client_id, secret(client))
        for form, error in (
            ("", "invalid_request"),
            ("token=a&token_type_hint=refresh_token", "unsupported_token_type"),
        ):
            answer = send(form, url=REVOKE, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.django_db(transaction=True)
def test_no_token_is_made_while_a_secret_is_being_revoked() -> None:
    client = building.client()
    plain = secret(client)
    answers: list[int] = []

    def ask() -> None:
        answers.append(ask_token(client, plain).status_code)
        connection.close()

    asking = threading.Thread(target=ask)
    with transaction.atomic():
        services.revoke_secret(client.secrets.get(), by=SYSTEM)
        asking.start()
        asking.join(0.5)
        assert not answers
    asking.join(10)
    assert answers == [401] and not AccessToken.objects.exists()


def test_tokens_are_kept_as_hashes(client: Client) -> None:
    token = ask_token(client, secret(client)).json()["access_token"]
    assert AccessToken.objects.get().token == ""
    assert AccessToken.objects.get().expires - timezone.now() < timedelta(seconds=601)
    assert token not in str(AccessToken.objects.values().get())
