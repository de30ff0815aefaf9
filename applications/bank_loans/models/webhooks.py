"""What is told to banks unasked: where to, and each message until it has arrived."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from applications.bank_loans.models.lists import Change
from applications.clients.models import Organisation
from creditsys.guards import changes_only, no_delete


class Endpoint(models.Model):
    """An address of a bank that is told of changes, once it has answered its challenge."""

    class State(models.TextChoices):
        UNVERIFIED = "UNVERIFIED", "未验证"
        ACTIVE = "ACTIVE", "启用"
        STOPPED = "STOPPED", "停用"

    bank = models.ForeignKey(
        Organisation,
        models.PROTECT,
        related_name="endpoints",
        limit_choices_to={"kind": "BANK"},
        verbose_name="银行",
    )
    url = models.URLField("接收地址", max_length=500)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.UNVERIFIED)
    #: sealed (creditsys.sealing); the one before it still signs until previous_until
    secret = models.TextField("签名密钥（加密）", editable=False)
    previous_secret = models.TextField("原签名密钥（加密）", blank=True, default="", editable=False)
    previous_until = models.DateTimeField("原密钥并用至", null=True, blank=True, editable=False)
    created_at = models.DateTimeField("登记时间", default=timezone.now, editable=False)
    created_by = models.CharField("登记人", max_length=150, editable=False)
    verified_at = models.DateTimeField("验证时间", null=True, blank=True, editable=False)
    #: deliveries that failed in a row, and until when it is left alone for that
    failures = models.IntegerField("连续失败", default=0, editable=False)
    rests_until = models.DateTimeField("暂停至", null=True, blank=True, editable=False)
    #: of the last failure, or why it was stopped; "" once something has arrived
    last_error = models.CharField("最近问题", max_length=300, blank=True, default="", editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "通知地址"
        ordering = ("bank", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("bank", "url"), name="endpoint_once", violation_error_message="该地址已经登记。"
            ),
            models.CheckConstraint(
                name="endpoint_verified",
                condition=Q(state="UNVERIFIED", verified_at=None)
                | Q(state="ACTIVE", verified_at__isnull=False)
                | Q(state="STOPPED"),
                violation_error_message="接收地址须先通过验证才能启用。",
            ),
            models.CheckConstraint(
                name="endpoint_secret", condition=~Q(secret="") & ~Q(url="") & Q(failures__gte=0)
            ),
        )
        triggers = no_delete()

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One change on its way to one endpoint. Of one pharmacy, the next waits until this one has arrived."""

    class State(models.TextChoices):
        PENDING = "PENDING", "待发送"
        DELIVERED = "DELIVERED", "已送达"
        DEAD = "DEAD", "未能送达"
        GIVEN_UP = "GIVEN_UP", "已放弃"

    endpoint = models.ForeignKey(
        Endpoint, models.PROTECT, related_name="deliveries", db_index=False, verbose_name="通知地址"
    )
    change = models.ForeignKey(Change, models.PROTECT, related_name="deliveries", verbose_name="名单变动")
    #: the id that the receiver knows it by (Standard Webhooks: webhook-id)
    message_id = models.UUIDField("消息号", default=uuid.uuid4, unique=True)
    #: the change's pharmacy
    code = models.CharField("定点编码", max_length=12)
    state = models.CharField("状态", max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.IntegerField("已尝试", default=0)
    due_at = models.DateTimeField("下次发送", default=timezone.now)
    #: until then a sender is at it
    leased_until = models.DateTimeField("占用至", null=True)
    last_status = models.SmallIntegerField("最近状态码", null=True)
    last_error = models.CharField("最近错误", max_length=300, blank=True, default="")
    delivered_at = models.DateTimeField("送达时间", null=True)
    given_up_reason = models.CharField("放弃理由", max_length=500, blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "通知"
        ordering = ("-id",)
        default_permissions = ("view", "change")
        indexes = (
            models.Index(fields=("endpoint", "id"), condition=Q(state="PENDING"), name="delivery_pending"),
            models.Index(
                fields=("endpoint", "code", "id"),
                condition=Q(state__in=["PENDING", "DEAD"]),
                name="delivery_open",
            ),
        )
        constraints = (
            models.UniqueConstraint(fields=("endpoint", "change"), name="delivery_once"),
            models.CheckConstraint(
                name="delivery_delivered",
                condition=Q(state="DELIVERED", delivered_at__isnull=False)
                | ~Q(state="DELIVERED") & Q(delivered_at=None),
            ),
            models.CheckConstraint(name="delivery_attempts", condition=Q(attempts__gte=0)),
            models.CheckConstraint(
                name="delivery_given_up",
                condition=Q(state="GIVEN_UP") & ~Q(given_up_reason="")
                | ~Q(state="GIVEN_UP") & Q(given_up_reason=""),
                violation_error_message="放弃须写明理由。",
            ),
        )
        triggers = changes_only(
            [
                "state",
                "attempts",
                "due_at",
                "leased_until",
                "last_status",
                "last_error",
                "delivered_at",
                "given_up_reason",
            ]
        )

    def __str__(self) -> str:
        return str(self.message_id)
