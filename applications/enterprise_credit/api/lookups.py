"""Addresses at which a department's program looks enterprises up; each look at one goes on record with its purpose."""

from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from applications.api.addresses import absolute
from applications.api.negotiation import FORMAT
from applications.api.parameters import Parameters
from applications.api.problems import Problem
from applications.clients.models import Organisation
from applications.clients.views import ClientView
from applications.enterprise_credit.api import lookup_operations, lookup_shapes
from applications.enterprise_credit.documents import catalogue_on
from applications.enterprise_credit.looks import LONGEST_CASE_NO, Aim
from applications.enterprise_credit.models import Look
from applications.enterprise_credit.profiles import Profile, profile, record_profile
from applications.enterprise_credit.report import cover_of, report
from applications.enterprise_credit.rules.catalogue import Catalogue
from applications.enterprise_credit.searching import is_whole_code, search
from applications.enterprise_credit.viewing import Viewer, viewer_of_client
from creditsys.addresses import client_address

#: What the operations are called in the record of calls.
OPERATIONS: Final = {
    "department_enterprises": "查找企业",
    "department_enterprise": "查询企业信用",
    "department_enterprise_report": "下载企业信用报告",
}
#: Characters of a search.
_LONGEST: Final = 100
_NO_CODE: Final = _("统一社会信用代码为十八位数字或大写字母（不含 I、O、S、V、Z）；请核对。")


class LookupView(ClientView):
    """For clients of departments; what they may see is what their department may."""

    scope = "department:read"
    http_method_names = ["get", "head"]

    def viewer(self) -> Viewer:
        """Raises Problem (404) for a client that is no department's."""
        if self.client.organisation.kind != Organisation.Kind.DEPARTMENT:
            raise Problem(404)
        return viewer_of_client(self.client, client_address(self.request._request))

    def asked(self, *known: str) -> Parameters:
        return Parameters(dict(self.request._request.GET.lists()), (*known, FORMAT))

    def aim(self, asked: Parameters, catalogue: Catalogue, *, of_enterprise: bool = True) -> Aim:
        """What the look is for; what is wrong with it is kept as faults, and raised (Problem, 400)."""
        key = asked.one("purpose")
        purpose = catalogue.purpose(key)
        choices = [one.key for one in catalogue.purposes]
        case_no = " ".join(asked.one("case_no").replace("\0", " ").split()) if of_enterprise else ""
        if not key:
            told = "、".join(f"{one.key} {one.title}" for one in catalogue.purposes)
            asked.wrong("purpose", _("须写明用途，否则不能查询：{choices}。"), choices=told)
        elif purpose is None:
            asked.unlike("purpose", key, choices)
        elif purpose.case_required and of_enterprise and not case_no:
            asked.wrong("case_no", _("用途 {purpose} 须写明案号或项目号。"), purpose=key)
        if len(case_no) > LONGEST_CASE_NO:
            asked.wrong("case_no", _("最长 {most} 个字符。"), most=LONGEST_CASE_NO)
        asked.refuse()
        if purpose is None:
            raise Problem(400)
        return Aim(purpose, case_no)


class Enterprises(LookupView):
    operation = "department_enterprises"

    @lookup_operations.enterprises
    def get(self, request: Request) -> HttpResponse:
        self.viewer()
        asked = self.asked("q", "purpose")
        typed = asked.one("q").replace("\0", " ").strip()
        self.note(subject=typed, purpose=asked.one("purpose"))
        if not typed:
            asked.wrong("q", _("须写明企业：统一社会信用代码（可只写开头六位以上）或名称。"))
        elif len(typed) > _LONGEST:
            asked.wrong("q", _("最长 {most} 个字符。"), most=_LONGEST)
        aim = self.aim(asked, catalogue_on(timezone.localdate()), of_enterprise=False)
        found = search(typed)
        self.note(rows=len(found.matches), subject=typed, purpose=aim.purpose.key)
        return self.answer(lookup_shapes.told_found(found, aim.purpose.key))


class Enterprise(LookupView):
    operation = "department_enterprise"
    form: str = Look.Form.API

    @lookup_operations.enterprise
    def get(self, request: Request, uscc: str) -> HttpResponse:
        return self.answer(lookup_shapes.told(*self.looked(uscc)))

    def looked(self, uscc: str) -> tuple[Profile, Look]:
        """The enterprise and the look at it, which is on record. Raises Problem (400, 404)."""
        who, now = self.viewer(), timezone.now()
        asked = self.asked("purpose", "case_no")
        self.note(subject=uscc, purpose=asked.one("purpose"))
        catalogue = catalogue_on(timezone.localdate(now))
        aim = self.aim(asked, catalogue)
        code = "".join(uscc.split()).upper()
        if not is_whole_code(code):
            raise Problem(404, _NO_CODE)
        found = profile(code, who, catalogue, timezone.localdate(now))
        look = record_profile(who, aim, self.form, code, found, now)
        if found is None:
            raise Problem(404, _("没有这个统一社会信用代码的企业；本次查询已记录。"))
        self.note(rows=1, subject=code, purpose=aim.purpose.key)
        return found, look


class Pdf(BaseRenderer):
    """A document as it is."""

    media_type, format = "application/pdf", "pdf"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> Any:
        return data


class Report(Enterprise):
    operation = "department_enterprise_report"
    renderer_classes = (Pdf,)
    form = Look.Form.PDF

    @lookup_operations.report
    def get(self, request: Request, uscc: str) -> HttpResponse:
        found, look = self.looked(uscc)
        site = absolute(request._request, "")
        response = self.answer(report(found, cover_of(look), site))
        response["Content-Disposition"] = f'attachment; filename="{found.subject.uscc}.pdf"'
        return response
