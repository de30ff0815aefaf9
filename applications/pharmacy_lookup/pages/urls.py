"""Addresses of the pages, relative to the site's root and to ``/en/``."""

from django.urls import URLPattern, path

from applications.pharmacy_lookup.pages import open_data
from applications.pharmacy_lookup.pages.display import display
from applications.pharmacy_lookup.pages.pharmacy import pharmacy
from applications.pharmacy_lookup.pages.search import search
from applications.pharmacy_lookup.pages.verify import verify

app_name = "pharmacy_lookup"
urlpatterns: list[URLPattern] = [
    path("", search, name="search"),
    path("pharmacy/<str:code>/", pharmacy, name="pharmacy"),
    path("display/", display, name="display"),
    path("open-data/", open_data.open_data, name="open_data"),
    path("open-data/index.json", open_data.index, name="open_data_index"),
    path("open-data/verifier.py", open_data.verifier_script, name="open_data_verifier"),
    path("open-data/public-key.pem", open_data.keys, name="open_data_keys"),
    path("open-data/fields.csv", open_data.fields_table, name="open_data_fields"),
    path("open-data/<int:number>/", open_data.one_publication, name="open_data_publication"),
    path("open-data/<int:number>.<str:ending>", open_data.download, name="open_data_file"),
    path("verify/", verify, name="verify"),
]
