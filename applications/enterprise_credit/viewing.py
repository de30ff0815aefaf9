"""Who looks: a member of a department's staff, or a department's program. Whose records they may see."""

from dataclasses import dataclass

from django.http import HttpRequest

from applications.clients.models import Client, Organisation
from applications.enterprise_credit.models import Membership
from creditsys.addresses import client_address
from ratings.services.audit import Actor


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks up enterprises for a department."""

    department: Organisation
    #: user name, or the client's name
    name: str
    #: GB/T 2260 of the districts that they work for; empty = the whole city
    districts: frozenset[int] = frozenset()
    client: Client | None = None
    address: str | None = None

    @property
    def actor(self) -> Actor:
        """Of acts on record."""
        return Actor(self.name, self.address)


def viewer_of(request: HttpRequest) -> Viewer | None:
    """Of a signed-in member of staff; None for one of no department. One query."""
    found = Membership.objects.select_related("department").filter(user=request.user.pk).first()
    if found is None:
        return None
    name = request.user.get_username()
    return Viewer(found.department, name, frozenset(found.districts), address=client_address(request))


def viewer_of_client(client: Client, address: str | None) -> Viewer:
    """Of a department's program. Raises ValueError for a client of a bank."""
    if client.organisation.kind != Organisation.Kind.DEPARTMENT:
        raise ValueError(f"{client.organisation} is no department")
    return Viewer(client.organisation, client.name, client=client, address=address)
