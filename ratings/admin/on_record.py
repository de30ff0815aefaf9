"""Looks at protected data and refused acts go on record; :mod:`ratings.admin.middleware` writes refusals."""

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest

from ratings.services.audit import Actor, record

_NOTED = "_refused_acts"


def record_look(request: HttpRequest, subject: Model | str, what: str) -> None:
    """Put on record that the signed-in user looks at protected data.

    ``subject`` is whose data; ``what`` says in Chinese which, for example "联系方式". Call it
    before the data is sent, once for each page or file.
    """
    record("查看受保护信息", subject, by=Actor.of(request), what=what)


def refuse(request: HttpRequest, refused: object) -> None:
    """Tell the user why an act was not done, and note it for the record.

    ``refused`` is what the service raised, or its text. Every page that catches Refused calls
    this or :func:`note_refusal`.
    """
    messages.error(request, str(refused))
    note_refusal(request, refused)


def note_refusal(request: HttpRequest, refused: object) -> None:
    """Note a refused act (POST only) that the page itself shows, as an error of its form."""
    if request.method == "POST":
        setattr(request, _NOTED, [*noted_refusals(request), str(refused)])


def noted_refusals(request: HttpRequest) -> list[str]:
    """What was refused during this request, oldest first."""
    return list(getattr(request, _NOTED, []))
