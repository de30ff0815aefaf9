"""Plain tables of what was measured."""

from dataclasses import dataclass, field


def megabytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


@dataclass
class Table:
    """A title and lines of (what, seconds, remark)."""

    title: str
    lines: list[tuple[str, float | None, str]] = field(default_factory=list)

    def add(self, what: str, seconds: float | None, remark: str = "") -> None:
        self.lines.append((what, seconds, remark))

    def __str__(self) -> str:
        shown = [self.title]
        width = max(26, *(len(what) + 1 for what, _, _ in self.lines), 0)
        for what, seconds, remark in self.lines:
            taken = "" if seconds is None else f"{seconds:9.3f} s"
            shown.append(f"  {what:<{width}}{taken:>11}  {remark}")
        return "\n".join(shown)
