"""Flags as text, and the text of `--help`."""

import dataclasses
import textwrap
from collections.abc import Sequence

from absl import flags

_WIDTH = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlagText:
    """What a reader should know of a flag.

    Attributes:
      name: without dashes.
      value: what may be given: "TEXT", "INTEGER", "NUMBER", "A,B,...", the choices "a|b", or "" for yes or no.
      default: as it would be typed; "" where there is none.
      required: whether the command refuses to run without it.
      limits: of a number, in words, or "".
      condition: when alone it has an effect, in words, such as "with --source=table", or "".
      meaning: what it sets.
    """

    name: str
    value: str
    default: str
    required: bool
    limits: str
    condition: str
    meaning: str

    @property
    def typed(self) -> str:
        """The flag as it is typed."""
        return f"--{self.name}={self.value}" if self.value else f"--[no]{self.name}"


@dataclasses.dataclass(frozen=True)
class Topic:
    """Flags that belong together, in the order of their definition."""

    title: str
    flags: Sequence[FlagText]


def describe(flag: flags.Flag, *, required: bool, condition: str) -> FlagText:
    """What a reader should know of a flag.

    Args:
      flag: the flag.
      required: whether the command refuses to run without it.
      condition: when alone it has an effect, in words, such as "with --source=table", or "".
    """
    kind = flag.flag_type()
    choices = getattr(flag.parser, "enum_values", None)
    values = {"bool": "", "int": "INTEGER", "float": "NUMBER", "comma separated list of strings": "A,B,..."}
    default = flag.default
    if isinstance(default, bool):
        default = str(default).lower()
    elif isinstance(default, float):
        default = f"{default:g}"
    elif isinstance(default, list):
        default = ",".join(default)
    elif default is None:
        default = ""
    return FlagText(
        name=flag.name,
        value="|".join(choices) if choices else values.get(kind, "TEXT"),
        default=str(default),
        required=required,
        limits=_limits(flag.parser),
        condition=condition,
        # absl writes the choices before the meaning.
        meaning=(flag.help or "").removeprefix(f"<{'|'.join(choices or ())}>: "),
    )


def _limits(parser):
    low, high = (getattr(parser, name, None) for name in ("lower_bound", "upper_bound"))
    if low is None:
        return ""
    return f"at least {low:g}" if high is None else f"{low:.10g} to {high:.10g}"


def to_terminal(description: str, topics: Sequence[Topic]) -> str:
    """The text of `--help`."""
    lines = [description.strip()]
    for topic in topics:
        lines += ["", f"{topic.title}:"]
        for flag in topic.flags:
            facts = [flag.limits, "required" if flag.required else "", flag.default and f"default {flag.default}"]
            facts.append(flag.condition and f"only {flag.condition}")
            note = "; ".join(filter(None, facts))
            lines.append(f"  {flag.typed}" + (f"  ({note})" if note else ""))
            lines += textwrap.wrap(flag.meaning, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    lines += ["", "--flagfile=FILE reads flags from a file, one a line. --helpfull also shows those of absl."]
    return "\n".join(lines)
