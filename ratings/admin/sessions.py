"""How long a session of staff lasts: so many idle minutes, and so many hours in all."""

from typing import Final

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

#: Keys of the session: when it began and when it was last used, in seconds since 1970.
_BEGAN: Final = "began"
_USED: Final = "used"
#: The last use is written down at most so often (seconds), to spare the session table.
_STEP: Final = 60


def begin(session: SessionBase) -> None:
    """Note that somebody has just signed in."""
    session[_BEGAN] = session[_USED] = _now()


def ended(session: SessionBase) -> str:
    """Why the session is over, in Chinese; "" while it is not, and then its use is noted.

    One from before sessions were timed begins now.
    """
    now = _now()
    if _BEGAN not in session or _USED not in session:
        begin(session)
    if now - session[_USED] >= settings.SESSION_IDLE.total_seconds():
        return f"超过 {settings.SESSION_IDLE.total_seconds() / 60:.0f} 分钟没有操作"
    if now - session[_BEGAN] >= settings.SESSION_LONGEST.total_seconds():
        return f"一次登录最长 {settings.SESSION_LONGEST.total_seconds() / 3600:.0f} 小时"
    if now - session[_USED] >= _STEP:
        session[_USED] = now
    return ""


def _now() -> int:
    return int(timezone.now().timestamp())
