from django.urls import path

from pharmacy_badges import views

urlpatterns = [
    path("badges/<str:code>/", views.page, name="pharmacy_badges_page"),
    path("api/v1/badges/<str:code>/", views.BadgeView.as_view(), name="pharmacy_badges_api"),
]
