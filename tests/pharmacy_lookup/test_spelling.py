"""What people type finds the name: Chinese, pinyin, first letters, codes; and no text at all breaks it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pypinyin import lazy_pinyin

from applications.pharmacy_lookup.finder import Search, find
from applications.pharmacy_lookup.models import Place
from creditsys.spelling import Spelling, Word, plain, spell, words
from tests.pharmacy_lookup.places import TODAY, place

#: Common in names, with several readings, rare, outside the basic plane, letters and digits.
CHARACTERS = "药房店大堂康仁益民海王星辰同老百姓连锁有限公司分长乐重庆行厦卡参单曾朝都龘鑫犇𠮷𡈽㐂ABZx138０Ｂ"
names = st.text(CHARACTERS, min_size=1, max_size=22)


def fits(word: Word, spelling: Spelling, code: str = "P33060200001") -> bool:
    """As the finder's SQL has it."""
    if word.code:
        return code.startswith(word.code)
    return any(
        one.pattern.strip("%") in getattr(spelling, one.column) and set(one.grams) <= set(spelling.grams)
        for one in word.meanings
    )


def finds(typed: str, name: str, address: str = "") -> bool:
    asked = words(typed)
    return bool(asked) and all(fits(word, spell(name, address)) for word in asked)


class TestFinds:
    @pytest.mark.parametrize(
        "typed",
        [
            *("海王星辰", "星辰", "王", "海王星辰大药房越城一店", "大药房", "解放北路", "289号", "9号"),
            *("haiwangxingchen", "HaiWang", "hai", "haiw", "dayaofang", "wangxing", "yuecheng", "yidian"),
            *("hwxc", "HW", "dyf", "ycyd", "hwxcdyf"),
            *("海王 大药房", "海王 dayaofang", "hw 解放", "xingchen 289", "解放　北路", "（越城）"),
            *("ＨＷＸＣ", "ｈａｉｗａｎｇ", "２８９"),
        ],
    )
    def test_the_one(self, typed: str) -> None:
        assert finds(typed, "海王星辰大药房（越城）一店", "解放北路289号")

    @pytest.mark.parametrize(
        "typed",
        [
            *("王海", "星大", "房解", "药方", "要", "一心堂", "海王 一心堂", "298", "店店"),
            *("wanghai", "aiwa", "ang", "jiefang", "yixintang", "xy", "wh", "dfy", "haiwangxingchem"),
        ],
    )
    def test_another_not(self, typed: str) -> None:
        """Pinyin of three and four letters begins where a syllable does; addresses are not spelled."""
        assert not finds(typed, "海王星辰大药房（越城）一店", "解放北路289号")

    def test_names_with_brackets_are_typed_with_and_without(self) -> None:
        for typed in ("大药房（越城）", "大药房(越城)一店", "大药房越城", "大药房 越城"):
            assert finds(typed, "海王星辰大药房（越城）一店")

    def test_what_is_apart_in_an_address_stays_apart(self) -> None:
        assert finds("12-3", "药房", "解放路12-3号")
        assert not finds("123", "药房", "解放路12-3号")

    @pytest.mark.parametrize(
        ("name", "typed"),
        [
            ("长乐大药房", ("changle", "zhangle")),
            ("重庆大药房", ("chongqing", "zhongqing")),
            ("都江堰药房", ("dujiangyan",)),
            ("厦门药房", ("xiamen",)),
            ("乐山药店", ("leshan",)),
        ],
    )
    def test_names_of_several_readings(self, name: str, typed: tuple[str, ...]) -> None:
        """As they are spoken, and as those type who do not know it."""
        for one in typed:
            assert finds(one, name), one

    def test_rare_characters(self) -> None:
        assert finds("𠮷", "𠮷野家药房")
        assert finds("𠮷野", "𠮷野家药房")
        assert not finds("吉", "𠮷野家药房")
        assert finds("yejia", "𠮷野家药房")
        assert finds("龘", "龘鑫药房") and finds("daxin", "龘鑫药房")

    def test_letters_and_digits_in_names(self) -> None:
        assert finds("ab", "AB药房")
        assert finds("abyaofang", "AB药房")
        assert finds("abyf", "AB药房")
        assert finds("b药", "AB药房")
        assert finds("100", "100号药房")
        assert finds("1", "1号药房")

    @given(name=names, address=names, begin=st.integers(0, 20), length=st.integers(1, 22))
    @example(name="𠮷", address="", begin=0, length=1)
    def test_every_part_with_a_chinese_character(
        self, name: str, address: str, begin: int, length: int
    ) -> None:
        for text in (name, address):
            part = text[begin : begin + length]
            if not plain(part).isascii():
                assert finds(part, name, address), part

    @given(name=names, begin=st.integers(0, 20), length=st.integers(2, 22))
    def test_the_pinyin_of_every_part(self, name: str, begin: int, length: int) -> None:
        """Of Chinese, as it is spoken; of what is rare or Latin, see above."""
        name = "".join(character for character in name if "\u4e00" <= character <= "\u9fff")
        spoken = lazy_pinyin(name)[begin : begin + length]
        if len("".join(spoken)) >= 2 and len(spoken) >= 2:
            assert finds("".join(spoken), name)
            assert finds("".join(syllable[0] for syllable in spoken), name)


class TestSpelled:
    def test_as_the_library_has_it(self) -> None:
        """Names are cut into words here and each word is spelled once: to the same as if at once."""
        for name in (
            "重庆桐君阁长乐行大药房",
            "银行卡3号A药房",
            "乐清市乐山路都昌厦门大厦参茸行长",
            "𠮷药店12B",
        ):
            run = spell(name, "").spelled.split()[0]
            expected = "".join(lazy_pinyin(plain(name), errors=list))
            assert run == "".join(letter for letter in expected if letter.isascii())

    def test_three_texts(self) -> None:
        found = spell("长乐药房", "Ａ座１号")
        assert (found.text, found.spelled) == ("长乐药房 a座1号", "changleyaofang zhangleyaofang CLYF")
        assert found.grams == sorted(set(found.grams))

    def test_nothing(self) -> None:
        for name in ("", "（）", "-"):
            assert spell(name, "").text == ""

    @given(name=st.text(max_size=30), address=st.text(max_size=30))
    def test_anything_can_be_spelled(self, name: str, address: str) -> None:
        found = spell(name, address)
        assert all(-(2**31) <= gram < 2**31 for gram in found.grams)
        assert found.spelled.isascii()


class TestWords:
    def test_codes(self) -> None:
        assert words("P33060200001 p3306 p3") == [Word(code=code) for code in ("P33060200001", "P3306", "P3")]

    @pytest.mark.parametrize("typed", ["p", "p9", "p0", "P330602000011", "q3306", "33060200001"])
    def test_no_codes(self, typed: str) -> None:
        assert not any(word.code for word in words(typed))

    def test_one_letter_alone_is_left_out(self) -> None:
        assert words("a Z ｂ") == []
        assert len(words("a 药 1")) == 2

    @pytest.mark.parametrize("typed", ["%", "_", "%%", "\\", "'", '"', "{}", "();--", " ", "", "　", "%_\\%"])
    def test_what_means_something_to_sql_means_nothing_here(self, typed: str) -> None:
        assert words(typed) == []
        assert not any(
            sign in word.meanings[0].pattern[1:-1] for word in words(f"药{typed}房") for sign in "%_\\"
        )

    @given(typed=st.text(max_size=50))
    @example(typed="\ud800")
    @example(typed="İıſß㎏½")
    def test_anything_can_be_typed(self, typed: str) -> None:
        for word in words(typed):
            assert word.code or all(one.grams for one in word.meanings)


@pytest.mark.django_db
class TestInPostgreSQL:
    @given(typed=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=50))
    @example(typed="%_\\' {} 药")
    @example(typed="𠮷 龘 İ ß")
    def test_any_words_are_looked_for(self, typed: str) -> None:
        find(Search(words=tuple(words(typed))), TODAY)

    @given(name=names, typed=names)
    def test_as_here(self, name: str, typed: str) -> None:
        """The texts are told apart here as there: the tests above speak for the finder."""
        Place.objects.all().delete()
        this = place(name=name)
        asked = words(typed)
        here = all(fits(word, spell(name, this.address), this.code) for word in asked)
        assert bool(find(Search(words=tuple(asked)), TODAY).rows) == here
