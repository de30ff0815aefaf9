"""Districts, enterprises and pharmacies. Saved through the service, with the reason on record."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from creditsys.geo import to_wgs84
from ratings.admin import show
from ratings.admin.base import ScopedAdmin
from ratings.admin.documents import beginnings
from ratings.admin.exports import ExportAdmin
from ratings.admin.filters import ChainFilter, DistrictFilter
from ratings.admin.pharmacy_page import pharmacy_page
from ratings.admin.scope import districts_of, sees_whole_city
from ratings.admin.search import looks_like_code
from ratings.models import District, Enterprise, Pharmacy
from ratings.services.audit import Actor
from ratings.services.facts import save_registry


class RegistryForm(forms.ModelForm):
    """A registry record and why it is changed."""

    reason = forms.CharField(
        label="登记或变更理由",
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text="写明依据，如批文号；记入操作记录",
    )


class RegistryAdmin(ExportAdmin, ScopedAdmin):
    """Registry records: added and changed with a reason, never deleted."""

    form = RegistryForm

    def save_model(self, request: HttpRequest, obj: Model, form: forms.ModelForm, change: bool) -> None:
        save_registry(obj, by=Actor.of(request), reason=form.cleaned_data["reason"])


@admin.register(District)
class DistrictAdmin(RegistryAdmin):
    """Who may change: those who work for the whole city."""

    list_display = ("code", "name")
    search_fields = ("=code", "name")
    search_help_text = "代码或名称"
    export_columns = (("行政区划代码", lambda row: row.code), ("名称", lambda row: row.name))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and sees_whole_city(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and sees_whole_city(request)


@admin.register(Enterprise)
class EnterpriseAdmin(RegistryAdmin):
    """Who may change: those who may see all of the enterprise's pharmacies."""

    list_display = ("name", "uscc", "recorded")
    search_fields = ("^uscc", "name")
    search_help_text = "统一社会信用代码或企业名称"
    list_filter = (DistrictFilter,)
    fields = ("uscc", "name", "reason")
    change_form_after_template = "ratings/admin/tables.html"
    export_columns = (("统一社会信用代码", lambda row: row.uscc), ("企业名称", lambda row: row.name))

    @display(description="登记时间", ordering="recorded_at")
    def recorded(self, row: Enterprise) -> str:
        return show.moment(row.recorded_at)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        districts = districts_of(request.user)
        if not allowed or obj is None or districts is None:
            return allowed
        return not Pharmacy.objects.filter(enterprise=obj.pk).exclude(district__in=districts).exists()

    def page_context(self, request: HttpRequest, obj: Enterprise) -> dict[str, Any]:
        shops = self.admin_site.get_model_admin(Pharmacy).get_queryset(request).filter(enterprise=obj)
        rows = [
            (show.link(show.change_url(shop), shop.code), shop.name, shop.district.name, shop.address)
            for shop in shops.select_related("district")[:50]
        ]
        title = "所属药店（前 50 家）" if len(rows) == 50 else "所属药店"
        more = show.list_url(Pharmacy, enterprise__id__exact=obj.pk)
        return {"tables": [show.table(title, ("定点编码", "名称", "区县", "地址"), rows, more=more)]}


class PharmacyForm(RegistryForm):
    """Coordinates are typed in the datum of their source and stored as WGS-84."""

    place_datum = forms.ChoiceField(
        label="所填坐标的坐标系",
        choices=Pharmacy.Datum.choices,
        initial=Pharmacy.Datum.WGS84,
        required=False,
        widget=UnfoldAdminSelectWidget(choices=Pharmacy.Datum.choices),
        help_text="改填经纬度时注明；非 WGS-84 的自动换算后保存。地图软件取得的多为 GCJ-02 或 BD-09",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if {"latitude", "longitude"} & set(self.changed_data):
            self._set_place(cleaned)
        return cleaned

    def _set_place(self, cleaned: dict[str, Any]) -> None:
        latitude, longitude = cleaned.get("latitude"), cleaned.get("longitude")
        if latitude is None or longitude is None:
            self.instance.source_datum = ""
            if (latitude is None) != (longitude is None):
                raise ValidationError({"latitude": "经纬度须成对填写。"})
            return
        datum = cleaned.get("place_datum") or Pharmacy.Datum.WGS84
        cleaned["latitude"], cleaned["longitude"] = to_wgs84(latitude, longitude, datum)
        self.instance.source_datum = datum


@admin.register(Pharmacy)
class PharmacyAdmin(RegistryAdmin):
    """A pharmacy with its facts, ratings and registry history."""

    form = PharmacyForm
    list_display = ("code", "name", "district", "kind", "enterprise_name", "address", "since", "until")
    list_select_related = ("district", "enterprise")
    search_fields = ("code", "name")
    search_help_text = "定点编码或名称"
    list_filter = (DistrictFilter, ChainFilter)
    linked_by = ("enterprise__id__exact",)
    autocomplete_fields = ("enterprise", "predecessor")
    change_form_after_template = "ratings/admin/pharmacy.html"
    fieldsets = (
        (None, {"fields": ("code", "name", "enterprise", "is_chain", "district")}),
        ("地点与联系", {"fields": ("street", "address", "latitude", "longitude", "place_datum", "contact")}),
        ("定点", {"fields": ("designated_on", "designated_until", "predecessor")}),
        ("记录", {"fields": ("reason",)}),
    )
    export_columns = (
        ("定点编码", lambda row: row.code),
        ("名称", lambda row: row.name),
        ("区县代码", lambda row: row.district_id),
        ("区县", lambda row: row.district.name),
        ("统一社会信用代码", lambda row: row.enterprise.uscc if row.enterprise else None),
        ("企业名称", lambda row: row.enterprise.name if row.enterprise else None),
        ("连锁门店", lambda row: row.is_chain),
        ("街道", lambda row: row.street),
        ("地址", lambda row: row.address),
        ("纬度（WGS-84）", lambda row: row.latitude),
        ("经度（WGS-84）", lambda row: row.longitude),
        ("定点起始日", lambda row: row.designated_on),
        ("定点终止日", lambda row: row.designated_until),
        ("联系电话", lambda row: row.contact),
    )

    @display(description="经营形式")
    def kind(self, row: Pharmacy) -> str:
        return "连锁" if row.is_chain else "单体"

    @display(description="企业")
    def enterprise_name(self, row: Pharmacy) -> str:
        return row.enterprise.name if row.enterprise else "—"

    @display(description="定点起始日", ordering="designated_on")
    def since(self, row: Pharmacy) -> str:
        return show.day(row.designated_on)

    @display(description="定点终止日", ordering="designated_until")
    def until(self, row: Pharmacy) -> str:
        return show.day(row.designated_until)

    @display(description="来源坐标系")
    def datum(self, row: Pharmacy) -> str | SafeString:
        return row.get_source_datum_display() or "—"

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("code", "datum") if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        if obj is None:
            return self.fieldsets
        may_change = self.has_change_permission(request, obj)
        typed = ("place_datum",) if may_change else ()
        place = ("street", "address", "latitude", "longitude", "datum", *typed, "contact")
        sets = [self.fieldsets[0], ("地点与联系", {"fields": place}), self.fieldsets[2]]
        return [*sets, self.fieldsets[3]] if may_change else sets

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """A term that looks like a code is looked up by the code's index only."""
        term = search_term.strip()
        if looks_like_code(term):
            return queryset.filter(code__startswith=term.upper()), False
        return super().get_search_results(request, queryset, search_term)

    def page_context(self, request: HttpRequest, obj: Pharmacy) -> dict[str, Any]:
        return {"tables": pharmacy_page(request, obj), "beginnings": beginnings(request, obj)}
