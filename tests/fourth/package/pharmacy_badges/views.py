from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from applications.api.problems import Problem
from applications.api.schema import problems
from applications.api.views import PublicView
from pharmacy_badges.application import APPLICATION
from pharmacy_badges.models import Badge
from ratings.published import current


class BadgeSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="定点编码 Designated code")
    name = serializers.CharField(help_text="名称 Name")
    grade = serializers.CharField(help_text="等级 Grade")
    label = serializers.CharField(help_text="等级名称 What the grade is called")
    valid_until = serializers.DateField(
        allow_null=True, help_text="失效日 First day on which it holds no more"
    )
    publication = serializers.IntegerField(help_text="自哪一次发布 Since which publication")


def _badge(code: str) -> dict[str, Any] | None:
    badge = Badge.objects.filter(code=code).first()
    grade = current([code], timezone.localdate()).get(code) if badge else None
    shown = APPLICATION.shown(grade) if grade else None
    return {**shown, "publication": badge.publication} if shown and badge else None


def page(request: HttpRequest, code: str) -> HttpResponse:
    """The badge of one pharmacy. Open to everybody."""
    badge = _badge(code)
    if badge is None:
        raise Http404
    return render(request, "pharmacy_badges/badge.html", {"badge": badge})


class BadgeView(PublicView):
    @extend_schema(
        operation_id="badges_read",
        summary="一家药店的徽章 The badge of one pharmacy",
        tags=["badges"],
        responses={(200, "application/json"): BadgeSerializer, **problems(404, 405, 406, 429, 500)},
    )
    def get(self, request: Request, code: str) -> HttpResponse:
        badge = _badge(code)
        if badge is None:
            raise Problem(404)
        return self.answer(badge)
