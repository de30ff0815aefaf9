"""How clients sign in (django-oauth-toolkit): by secrets that overlap and expire, with the scopes that they have."""

from typing import Any, Final

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import BaseScopes

#: What a client may be allowed to do, id and Chinese.
SCOPES: Final = {
    "bank:read": "读取贷款产品的名单及其变动",
    "bank:check": "按编码核查贷款资格",
    "bank:feedback": "报送贷款情况",
}


class Scopes(BaseScopes):
    """A client has the scopes that it was registered with."""

    def get_all_scopes(self) -> dict[str, str]:
        return SCOPES

    def get_available_scopes(self, application: Any = None, *args: Any, **kwargs: Any) -> list[str]:
        return list(application.scopes) if application else list(SCOPES)

    def get_default_scopes(self, application: Any = None, *args: Any, **kwargs: Any) -> list[str]:
        return self.get_available_scopes(application)


class Validator(OAuth2Validator):
    """Accepts any secret of a client that holds now."""
