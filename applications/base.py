"""The contract: what an application declares about itself, and how it may show a grade.

An application is a folder with everything it needs, here or in an installed package: queries, views,
addresses, models, admin. It reads published grades through ``ratings.published`` only.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from celery.schedules import crontab

from ratings.published import Grade, reaches


class Audience(StrEnum):
    """For whom an application is; its views hold to it."""

    RESIDENTS = "residents"
    BANKS = "banks"
    DEPARTMENTS = "departments"


class Application:
    """To be subclassed once by each application, in ``application.py`` of its package.

    ``settings.APPLICATIONS`` names the subclasses in use by dotted path; ``checks.py`` holds them to this.
    """

    #: of the package, its templates, tests and database tables
    key: ClassVar[str]
    #: for people, Chinese
    title: ClassVar[str]
    audience: ClassVar[Audience]
    #: name of the worst grade that it may show, "" = all, and that there is none
    minimum_grade: ClassVar[str] = ""
    #: which fields of ``ratings.published.Grade`` it may show
    fields: ClassVar[frozenset[str]]
    #: dotted path of its addresses, included at the root of the site
    urls: ClassVar[str]
    #: dotted path of a function that gives the demo city something to show of this application, "" = none: called
    #: without arguments by ``manage.py demo_applications`` after the city is there, safe to call again; gives
    #: lines to tell
    demo: ClassVar[str] = ""

    #: names of its tasks, and when beat runs them
    schedule: ClassVar[Mapping[str, crontab]] = {}

    def shown(self, grade: Grade) -> dict[str, Any] | None:
        """What this application may show of a published grade: its declared fields and no others.

        None for one that is below the declared minimum. Everything an application shows of a grade
        comes through here.
        """
        if self.minimum_grade and not reaches(grade, self.minimum_grade):
            return None
        return {name: getattr(grade, name) for name in self.fields}
