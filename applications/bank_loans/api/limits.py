"""How much is given at a time."""

from typing import Final

#: Rows of a page, usual and most.
PHARMACIES: Final = 100
MOST_PHARMACIES: Final = 1_000
CHANGES: Final = 1_000
MOST_CHANGES: Final = 10_000
#: Seconds after which to ask again for a list that is busy.
RETRY_AFTER: Final = 5
