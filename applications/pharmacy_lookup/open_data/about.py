"""What every file of open data says of itself, beside its rows and their proof."""

from hashlib import blake2s
from typing import Any, Final

import orjson
from django.conf import settings
from django.utils import timezone, translation

from applications.pharmacy_lookup.open_data.fields import FIELDS
from ratings.published import EVENTS, Statement

#: To be raised when files come to be written differently, so that those kept are written anew.
_WRITTEN: Final = 1
#: Files speak Chinese, whoever asks for them first.
_LANGUAGE: Final = "zh-hans"
DEMO: Final = "演示数据：药店和等级均为生成的示例，并非真实数据。"


def describe(of: Statement) -> dict[str, Any]:
    """The description of a published list or of one published change."""
    place = of.district_name or settings.CITY_NAME
    told: dict[str, Any] = {
        "title": f"{place}定点零售药店信用等级 {of.period} {EVENTS[of.event]}",
        "city": of.told["city"],
        "district": of.district,
        "period": of.period,
        "event": of.event,
        "publication": of.number,
        "published_at": timezone.localtime(of.at).isoformat(),
        "rows": of.rows,
        "statement_sha256": of.sha256,
        "demo": not settings.PRODUCTION,
        "note": "" if settings.PRODUCTION else DEMO,
        "verify": "各行由声明中的默克尔根确定，声明经 Ed25519 签名；核验程序和公钥见发布机构的开放数据页。",
    }
    if settings.SITE_URL:
        told["source"] = f"{settings.SITE_URL}/open-data/{of.number}/"
    return told


def licence() -> str:
    """On which terms the data may be used."""
    return str(settings.OPEN_DATA_LICENCE)


def described_fields() -> list[dict[str, str]]:
    """The field descriptions as data, in Chinese."""
    with translation.override(_LANGUAGE):
        return [
            {
                "field": field.name,
                "type": str(field.kind),
                "title": str(field.title),
                "meaning": str(field.meaning),
                "unit": str(field.unit),
                "example": field.example,
            }
            for field in FIELDS
        ]


def edition() -> str:
    """What the files of a publication depend on beside it: with another edition, they are written anew."""
    depends = [
        _WRITTEN,
        licence(),
        described_fields(),
        settings.PRODUCTION,
        settings.CITY_NAME,
        settings.SITE_URL,
    ]
    return blake2s(orjson.dumps(depends), digest_size=4).hexdigest()
