"""Field types of the scheme document: exact numbers, dates, words, and the base of its parts."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr
from pydantic.json_schema import WithJsonSchema
from pydantic_core import PydanticCustomError

from ratings.rules.columns import POINT, WHOLE

T = TypeVar("T")

#: No number in a document is larger than this, so that no sum or product leaves int64.
LARGEST = 1_000_000
#: What a grade may hold at most: fifty years.
_MOST_MONTHS = 600


def sure(value: T | None) -> T:
    """``value``, which a check has made certain to be there."""
    if value is None:
        raise ValueError("a checked scheme states this")
    return value


class Part(BaseModel):
    """A table of the document: fixed keys, never changed after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


def _number(value: object) -> Decimal:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, int | Decimal):
        raise PydanticCustomError(
            "not_a_number",
            "“{value}”不是数字。",
            {"value": value, "remedy": "写成不带引号的数字，例如 12.5。"},
        )
    number = Decimal(value)
    if not number.is_finite():
        raise PydanticCustomError(
            "not_finite", "“{value}”不是有限的数。", {"value": value, "remedy": "写一个确定的数字。"}
        )
    if number.copy_abs() > LARGEST:
        raise PydanticCustomError(
            "too_large",
            "{value} 过大，计算可能溢出。",
            {"value": value, "remedy": f"绝对值不得超过 {LARGEST}。"},
        )
    return number


def _scaled(value: object, unit: int, name: str) -> int:
    number = _number(value)
    scaled = number * unit
    places = len(str(unit)) - 1
    if (number and number.adjusted() < -places) or scaled != scaled.to_integral_value():
        raise PydanticCustomError(
            "too_fine",
            "{value} 的小数位过多，{name}最多 {places} 位小数。",
            {
                "value": value,
                "name": name,
                "places": places,
                "remedy": f"改为不超过 {places} 位小数的数。",
            },
        )
    return int(scaled)


def thousandths(value: object) -> int:
    """A document's number as whole thousandths; refuses anything finer."""
    return _scaled(value, POINT, "分值")


def _weight(value: object) -> int:
    return _scaled(value, WHOLE, "权重")


def _basis_points(value: object) -> int:
    return _scaled(value, WHOLE // 100, "百分数")


def _whole(value: object) -> int:
    number = _number(value)
    if number != number.to_integral_value() or number < 0:
        raise PydanticCustomError(
            "not_whole", "{value} 不是非负整数。", {"value": value, "remedy": "写成 0、1、2 这样的整数。"}
        )
    return int(number)


def _version(value: object) -> int:
    number = _whole(value)
    if number < 1:
        raise PydanticCustomError("version", "版本号为 0。", {"remedy": "版本号从 1 开始。"})
    return number


def _validity(value: object) -> int:
    number = _whole(value)
    if not 1 <= number <= _MOST_MONTHS:
        raise PydanticCustomError(
            "validity",
            "有效期不能是 {value} 个月。",
            {
                "value": number,
                "remedy": f"写 1 至 {_MOST_MONTHS} 的整数；有效至下次评价的，删去 valid_months。",
            },
        )
    return number


def _day(value: object) -> date:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise PydanticCustomError(
            "not_a_date",
            "“{value}”不是日期。",
            {"value": str(value), "remedy": "写成不带引号的日期，例如 2026-01-01。"},
        )
    return value


def _schema(kind: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **more})


_RANGE: dict[str, Any] = {"minimum": -LARGEST, "maximum": LARGEST}

#: Points or any other value; held as thousandths.
Fixed = Annotated[int, BeforeValidator(thousandths), _schema("number", multipleOf=0.001, **_RANGE)]
#: A weight; held as ten-thousandths.
Weight = Annotated[int, BeforeValidator(_weight), _schema("number", multipleOf=0.0001, minimum=0)]
#: Percent or percentage points; held as basis points.
Percent = Annotated[int, BeforeValidator(_basis_points), _schema("number", multipleOf=0.01, **_RANGE)]
#: A count: 0, 1, 2 ...
Whole = Annotated[int, BeforeValidator(_whole), _schema("integer", minimum=0, maximum=LARGEST)]
#: 1, 2, 3 ...
Version = Annotated[int, BeforeValidator(_version), _schema("integer", minimum=1, maximum=LARGEST)]
#: How long a grade holds, in months.
Validity = Annotated[int, BeforeValidator(_validity), _schema("integer", minimum=1, maximum=_MOST_MONTHS)]
Day = Annotated[date, BeforeValidator(_day), _schema("string", format="date")]
Text = Annotated[StrictStr, Field(min_length=1)]
#: A name; no longer than the columns that take it.
Title = Annotated[StrictStr, Field(min_length=1, max_length=200)]
#: A clause or another source; no longer than the columns that take it.
Source = Annotated[StrictStr, Field(min_length=1, max_length=500)]
Ident = Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Flag = StrictBool
