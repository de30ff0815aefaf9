"""A client that a generator makes of the description works: it pages, checks, downloads and follows changes."""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from applications.api.schema import document
from tests.bank_loans.building import TODAY, A, B, C, city, product
from tests.bank_loans.calling import Program, on

PACKAGE = "credit_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The package's name, which can be imported."""
    folder = tmp_path_factory.mktemp("generated")
    source = folder / "openapi.json"
    source.write_text(json.dumps(document()))
    config = Config.from_sources(
        ConfigFile(
            package_name_override=PACKAGE, post_hooks=[], content_type_overrides={"application/pdf": "application/octet-stream"}
        ),
        MetaType.NONE, source, "utf-8", False, folder / PACKAGE,
    )  # fmt: skip
    # Not even a warning: everything described can be generated.
    assert list(generate(config=config)) == []
    sys.path.insert(0, str(folder))
    yield PACKAGE
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.django_db(transaction=True)
def test_it_works(generated: str, live_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    on(TODAY, monkeypatch)
    shops, _ = city(A, B, C, A)
    product()
    token = Program().headers["authorization"].removeprefix("Bearer ")
    made, bank, models = (import_module(f"{generated}.{name}") for name in ("client", "api.bank", "models"))
    operation = {
        name: import_module(f"{bank.__name__}.bank_{name}").sync
        for name in ("products", "pharmacies", "changes", "check", "check_batch", "stream")
    }
    with made.AuthenticatedClient(base_url=live_server.url, token=token) as client:
        (offered,) = operation["products"](client=client).results
        assert (offered.key, offered.count, offered.position) == ("edai", 3, 3)

        found, cursor = [], None
        while True:
            page = operation["pharmacies"]("edai", client=client, limit=2, **cursor or {})
            found += page.results
            if page.next_ is None:
                break
            cursor = {"cursor": parse_qs(urlsplit(page.next_).query)["cursor"][0]}
        assert [one.code for one in found] == sorted(shops[place].code for place in (0, 1, 3))

        replayed: dict[str, Any] = {}
        changes = operation["changes"]("edai", client=client, since=0)
        for change in changes.results:
            replayed[change.code] = change.pharmacy
        assert replayed == {one.code: one for one in found}
        assert changes.last == page.changes_since == 3

        checked = operation["check"](
            "edai", client=client, code=shops[2].code, purpose=models.BankCheckPurpose.PRE_LOAN
        )
        assert checked.results[0].outcome == models.CheckResultOutcome.NOT_ELIGIBLE
        assert checked.results[0].pharmacies[0].reasons == [models.CheckedPharmacyReasonsItem.BELOW_MINIMUM]
        batch = models.BankCheckBatchBody(
            purpose=models.BankCheckBatchBodyPurpose.POST_LOAN, codes=["x", shops[0].code]
        )
        results = operation["check_batch"]("edai", client=client, body=batch).results
        assert [one.outcome for one in results] == ["malformed", "eligible"]
        assert results[1].pharmacies[0].pharmacy == found[0]

        lines = operation["stream"]("edai", client=client).splitlines()
        assert json.loads(lines[-1])["end"]["rows"] == 3
        problem = operation["changes"]("edai", client=client, since=99)
        assert (problem.status, problem.errors[0].parameter) == (400, "since")
