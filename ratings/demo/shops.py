"""Enterprises and pharmacies of the demo city: chains, single shops, comings and goings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from ratings import codes
from ratings.demo.dice import SHANGHAI, Dice
from ratings.demo.places import DISTRICTS, QUOTAS, Map, Site

PHARMACIES = 1500
#: The first and last day of the facts.
FIRST, LAST = date(2018, 1, 1), date(2020, 12, 31)
#: Stands in every name.
MARK = "（演示）"
#: Chains: name, stores, home district (0: the whole city).
CHAINS = (
    ("鉴水堂", 118, 0),
    ("越康", 92, 0),
    ("若耶", 71, 0),
    ("兰渚", 46, 330603),
    ("浣纱", 42, 330681),
    ("舜江", 34, 330604),
    ("剡溪", 26, 330683),
    ("稽山", 22, 330602),
    ("沃洲", 18, 330624),
    ("会稽", 16, 0),
    ("曹江", 13, 330604),
    ("五泄", 12, 330681),
    ("镜湖", 11, 330602),
    ("柯水", 10, 330603),
    ("东白", 8, 330681),
    ("禹风", 7, 330602),
    ("钱清", 6, 330603),
    ("百官", 6, 330604),
    ("枫桥", 5, 330681),
    ("甘霖", 5, 330683),
    ("天姥", 4, 330624),
    ("店口", 4, 330681),
    ("东浦", 3, 330602),
    ("崧厦", 3, 330604),
)
RE_REGISTERED = 36
CLOSED = 40
#: Share of the others that were designated during the three years.
NEWCOMERS = 0.17
#: Designated before that: year and weight.
_FOUNDED = ((2012, 30), (2013, 20), (2014, 14), (2015, 14), (2016, 12), (2017, 10))
_FIRST_WORDS, _SECOND_WORDS = "仁德康济寿春安同百瑞福益惠民永泰和嘉", "善和宁生华丰诚信健源芝草松鹤"
_SHOP_KINDS = ("大药房", "药店", "药房")
_USCC_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


class Enterprise(NamedTuple):
    uscc: str
    name: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Shop:
    """A pharmacy; ``code`` and ``predecessor`` are designated codes."""

    code: str
    name: str
    enterprise: str
    is_chain: bool
    site: Site
    designated_on: date
    designated_until: date | None
    contact: str
    predecessor: str
    recorded_at: datetime

    @property
    def district(self) -> int:
        return self.site.town.district

    def designated_all(self, first: date, last: date) -> bool:
        """Designated from ``first`` to ``last``."""
        return self.designated_on <= first and (self.designated_until is None or self.designated_until > last)


@dataclass(slots=True)
class _Draft:
    """A shop before its name and code are known."""

    site: Site
    designated_on: date
    designated_until: date | None = None
    chain: int = -1
    takes_over: "_Draft | None" = None


def fictitious_uscc(district: int, number: int) -> str:
    """A unified social credit code whose organisation part reads DEM0: well-formed, never issued."""
    digits = ""
    for _ in range(4):
        number, digit = divmod(number, 31)
        digits = _USCC_LETTERS[digit] + digits
    organisation = "DEM0" + digits
    body = f"91{district}{organisation}{codes.organisation_check_digit(organisation)}"
    return body + codes.uscc_check_digit(body)


def build(seed: int) -> tuple[list[Enterprise], list[Shop]]:
    """The enterprises, and the shops in the order of their codes."""
    drafts = _drafts(Dice(seed, "shops"), Map(Dice(seed, "map")))
    _assign_chains(drafts, Dice(seed, "chains"))
    return _named(drafts, Dice(seed, "names"))


def _drafts(dice: Dice, city: Map) -> list[_Draft]:
    districts = dice.shuffled([district for district, quota in QUOTAS.items() for _ in range(quota)])
    drafts: list[_Draft] = []
    for district in districts[: PHARMACIES - RE_REGISTERED]:
        if dice.chance(NEWCOMERS):
            opened = dice.day(FIRST, date(2020, 12, 20))
        else:
            year = dice.weighted(_FOUNDED)
            opened = dice.day(date(year, 1, 4), date(year, 12, 28))
        drafts.append(_Draft(city.site(district), opened))
    old = [draft for draft in drafts if draft.designated_on < date(2017, 7, 1)]
    leavers = dice.sample(old, RE_REGISTERED + CLOSED)
    for draft in leavers[:RE_REGISTERED]:
        day = dice.day(date(2018, 5, 1), date(2020, 11, 30))
        draft.designated_until = day
        # Some open on the day the other ends, some after a gap.
        opened = day if dice.chance(0.7) else day + timedelta(days=dice.whole(5, 45))
        drafts.append(_Draft(city.next_door(draft.site), min(opened, LAST), takes_over=draft))
    for draft in leavers[RE_REGISTERED:]:
        draft.designated_until = dice.day(date(2018, 6, 1), date(2020, 12, 20))
    return drafts


def _assign_chains(drafts: list[_Draft], dice: Dice) -> None:
    """Give each chain its stores, in its home district where it has one."""
    free = [draft for draft in dice.shuffled(drafts) if draft.takes_over is None]
    for number, (_, stores, home) in enumerate(CHAINS):
        chosen = [draft for draft in free if home in (0, draft.site.town.district)][:stores]
        for draft in chosen:
            draft.chain = number
        taken = {id(draft) for draft in chosen}
        free = [draft for draft in free if id(draft) not in taken]
    for draft in drafts:
        if draft.takes_over is not None:
            draft.chain = draft.takes_over.chain


def _single_names(dice: Dice) -> Iterator[str]:
    """Names of single shops, each once."""
    pairs = [
        first + second + kind for kind in _SHOP_KINDS for first in _FIRST_WORDS for second in _SECOND_WORDS
    ]
    while True:
        yield from dice.shuffled(pairs)
        pairs = ["新" + pair for pair in pairs]


def _named(drafts: list[_Draft], dice: Dice) -> tuple[list[Enterprise], list[Shop]]:
    enterprises: list[Enterprise] = []

    def enterprise(district: int, name: str, since: date) -> str:
        uscc = fictitious_uscc(district, len(enterprises) + 1)
        enterprises.append(Enterprise(uscc, name, _recorded(since)))
        return uscc

    headquarters = [
        enterprise(home or 330602, f"绍兴{name}大药房连锁有限公司{MARK}", date(2012, 1, 4))
        for name, _, home in CHAINS
    ]
    names = _single_names(dice)
    codes_of: dict[int, str] = {}
    sequence = dict.fromkeys(DISTRICTS, 90000)
    stores: dict[str, int] = {}
    shops: list[Shop] = []
    for draft in sorted(
        drafts, key=lambda draft: (draft.designated_on, draft.site.address, draft.site.latitude)
    ):
        district = draft.site.town.district
        sequence[district] += 1
        code = codes_of[id(draft)] = f"P{district}{sequence[district]:05d}"
        if draft.chain >= 0:
            brand = f"{CHAINS[draft.chain][0]}大药房{draft.site.town.name[:2]}{draft.site.road}"
            stores[brand] = stores.get(brand, 0) + 1
            name = brand + (f"第{_CHINESE[stores[brand]]}" if stores[brand] > 1 else "") + f"店{MARK}"
            owner = headquarters[draft.chain]
        else:
            name = f"{DISTRICTS[district][:2]}{next(names)}{MARK}"
            owner = enterprise(district, f"绍兴{name.removesuffix(MARK)}有限公司{MARK}", draft.designated_on)
        shops.append(
            Shop(
                code=code,
                name=name,
                enterprise=owner,
                is_chain=draft.chain >= 0,
                site=draft.site,
                designated_on=draft.designated_on,
                designated_until=draft.designated_until,
                contact=f"0575-0000{dice.whole(0, 9999):04d}",
                predecessor="" if draft.takes_over is None else codes_of[id(draft.takes_over)],
                recorded_at=_recorded(draft.designated_on),
            )
        )
    return enterprises, sorted(shops, key=lambda shop: shop.code)


_CHINESE = ("", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四")


def _recorded(day: date) -> datetime:
    return datetime.combine(day, time(9, 30), SHANGHAI)


def terminated(shop: Shop, on: date) -> Shop:
    """The shop with its agreement ended on that day."""
    return replace(shop, designated_until=on)
