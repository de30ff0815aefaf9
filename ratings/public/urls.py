"""Addresses without sign-in."""

from django.urls import path

from ratings.public import document, link, notice

app_name = "public"
urlpatterns = [
    path("notice/", notice.index, name="notice"),
    path("notice/<str:period>/<int:district>/", notice.listing, name="notice_list"),
    path("notice/<str:period>/<int:district>.csv", notice.table, name="notice_csv"),
    path("d/", document.find, name="document_find"),
    path("d/<str:code>/", document.page, name="document"),
    path("n/<str:token>/", link.page, name="link"),
    path("n/<str:token>/objection/", link.objection, name="link_objection"),
]
