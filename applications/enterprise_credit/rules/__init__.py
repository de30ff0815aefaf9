"""Pure rules: the catalogue, the enterprise rule, and what follows from figures; no Django, no database, no clock.

``catalogue`` declares departments, record types, purposes with their criteria, and joint measures; ``assessment``
how an enterprise's score and grade follow from its pharmacies and records; ``conditions`` is the one language of
both, over the counts in ``figures``.
"""
