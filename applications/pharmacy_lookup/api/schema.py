"""What the answers of the API hold, field by field.

Serializers here are for the description only; answers are written by ``shapes.py`` and held against it in
``tests/pharmacy_lookup/test_api_schema.py``.
"""

from rest_framework import serializers

from applications.pharmacy_lookup import query
from applications.pharmacy_lookup.api.shapes import Rating
from applications.pharmacy_lookup.finder import Service
from ratings.published import EVENTS


class GradeSerializer(serializers.Serializer):
    name = serializers.CharField(help_text="等级，如 A；空＝不予评级 The grade, such as A; empty: no grade")
    label = serializers.CharField(help_text="等级名称，如 优秀 What the grade is called")
    position = serializers.IntegerField(
        help_text="在该评价规则中的位次，0 为最好，-1＝不予评级 Its place in its scheme, 0 is best, -1: no grade"
    )
    score_thousandths = serializers.IntegerField(
        allow_null=True,
        help_text="信用分，千分之一分；null＝不予评级 The score in thousandths of a point; null: no grade",
    )
    period = serializers.CharField(help_text="评价周期 The period rated: 2025, 2025H1, 2025Q3, 2025-07")
    scheme = serializers.CharField(help_text="评价规则及版本 The scheme and its version, key@version")
    event = serializers.ChoiceField(choices=list(EVENTS), help_text="因何公布 Why it was published")
    seq = serializers.IntegerField(help_text="公布序号，逐一递增 Number in the published ledger")
    valid_from = serializers.DateField(help_text="生效日 In force from this day on")
    valid_until = serializers.DateField(
        allow_null=True,
        help_text="失效日（当日起不再有效）；null＝至下次公布 In force until the day before; null: until the next",
    )
    reason = serializers.CharField(
        help_text="说明，如不予评级的原因；可为空 Why, for example without a grade"
    )
    under_objection = serializers.BooleanField(help_text="有异议正在处理 An objection to it is being heard")


class MeantGradeSerializer(GradeSerializer):
    meaning = serializers.CharField(help_text="该等级的含义（中文）；可为空 What the grade means, in Chinese")


class PropertiesSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="定点编码 Designated code")
    name = serializers.CharField(help_text="名称 Name")
    district = serializers.CharField(help_text="区县代码 District by GB/T 2260")
    district_name = serializers.CharField(help_text="区县 Name of the district")
    street = serializers.CharField(help_text="街道（乡镇）；可为空 Street or town; may be empty")
    address = serializers.CharField(help_text="地址；可为空 Address; may be empty")
    distance_m = serializers.FloatField(
        allow_null=True,
        help_text="距离，米；null＝查询未写位置 Distance in metres; null: no `near` was given",
    )
    service = serializers.ChoiceField(
        choices=list(Service), help_text="今天能否刷医保 Whether the insurance pays there today"
    )
    rating = serializers.ChoiceField(
        choices=list(Rating), help_text="今天有无等级 Whether it has a grade today"
    )
    grade = GradeSerializer(
        allow_null=True,
        help_text="最近公布的等级；null＝从未公布 The newest published grade; null: never published",
    )


class PlaceSerializer(serializers.Serializer):
    longitude = serializers.FloatField(
        allow_null=True, help_text="经度，度；null＝未登记 null: not registered"
    )
    latitude = serializers.FloatField(
        allow_null=True, help_text="纬度，度；null＝未登记 null: not registered"
    )


class PharmacySerializer(PropertiesSerializer, PlaceSerializer):
    pass


class PageSerializer(serializers.Serializer):
    count = serializers.IntegerField(
        allow_null=True,
        help_text="共有多少；null＝未写位置，不作计数 How many in all; null: without `near` nothing is counted",
    )
    next = serializers.URLField(
        allow_null=True, help_text="下一页的地址；null＝没有了 Address of the next page; null: there is none"
    )
    datum = serializers.ChoiceField(
        choices=list(query.DATUMS), help_text="结果所用的坐标系 Datum of the coordinates"
    )
    results = PharmacySerializer(many=True)


class PointSerializer(serializers.Serializer):
    type = serializers.ChoiceField(choices=["Point"])
    coordinates = serializers.ListField(
        child=serializers.FloatField(),
        min_length=2,
        max_length=2,
        help_text="[经度, 纬度] [longitude, latitude]",
    )


class FeatureSerializer(serializers.Serializer):
    type = serializers.ChoiceField(choices=["Feature"])
    id = serializers.CharField(help_text="定点编码 Designated code")
    geometry = PointSerializer(allow_null=True, help_text="WGS-84；null＝未登记 null: not registered")
    properties = PropertiesSerializer()


class FeaturesSerializer(serializers.Serializer):
    type = serializers.ChoiceField(choices=["FeatureCollection"])
    count = PageSerializer().fields["count"]
    next = PageSerializer().fields["next"]
    features = FeatureSerializer(many=True)


class PenaltySerializer(serializers.Serializer):
    document_no = serializers.CharField(help_text="文号 Number of the decision")
    kind = serializers.CharField(help_text="违法行为类别 Kind of violation")
    kind_label = serializers.CharField(help_text="同上（中文）The same in Chinese")
    measures = serializers.CharField(help_text="处罚内容；可为空 What was ordered; may be empty")
    body = serializers.CharField(help_text="决定机关 Who decided")
    decided_on = serializers.DateField(help_text="决定日期 Day of the decision")
    shown_until = serializers.DateField(help_text="公示截止日（当日起不再公示）Shown until the day before")


class DetailPropertiesSerializer(PropertiesSerializer):
    distance_m = None
    grade = MeantGradeSerializer(
        allow_null=True,
        help_text="最近公布的等级；null＝从未公布 The newest published grade; null: never published",
    )
    designated_on = serializers.DateField(help_text="定点起始日 Designated from this day on")
    designated_until = serializers.DateField(
        allow_null=True,
        help_text="定点终止日（当日起不再定点）；null＝未终止 Until the day before; null: not ended",
    )
    penalties = PenaltySerializer(many=True, help_text="仍在公示的行政处罚 Penalties that may still be shown")
    history = serializers.URLField(help_text="历次等级的地址 Address of all its published grades")


class DetailSerializer(DetailPropertiesSerializer, PlaceSerializer):
    datum = PageSerializer().fields["datum"]


class DetailFeatureSerializer(FeatureSerializer):
    properties = DetailPropertiesSerializer()


class HistorySerializer(serializers.Serializer):
    code = serializers.CharField(help_text="定点编码 Designated code")
    name = serializers.CharField(help_text="名称 Name")
    results = GradeSerializer(many=True, help_text="历次公布的等级，新的在前 Published grades, newest first")
