"""Grades of several schemes beside each other, by their names."""

from collections.abc import Iterable, Sequence


def common_scale(before: Sequence[str], after: Sequence[str]) -> tuple[list[int], list[int]] | None:
    """The places of both lists' grades on the longer list; None where neither holds the other in its order.

    A to D and A to E share a scale, so do A to D and A+, A to D; 1 to 5 and A to D share none.
    """
    longer, shorter = (before, after) if len(before) >= len(after) else (after, before)
    places = [longer.index(name) if name in longer else -1 for name in shorter]
    if -1 in places or places != sorted(places):
        return None
    whole = list(range(len(longer)))
    return (whole, places) if longer is before else (places, whole)


def merged(scales: Iterable[Sequence[str]]) -> list[str]:
    """All names once, best first: in the order of the first list that has them, each before those that follow it
    in its own.

    >>> merged([["A", "B", "C"], ["A+", "A", "B", "C", "D"]])
    ['A+', 'A', 'B', 'C', 'D']
    """
    made: list[str] = []
    for names in scales:
        place = len(made)
        for name in reversed(names):
            if name not in made:
                made.insert(place, name)
            place = made.index(name)
    return made
